"""HTTP: what is asked of Ralph over the network, one file a resource."""
