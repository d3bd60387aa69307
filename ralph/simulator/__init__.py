"""A deterministic market of invented companies. Nothing in it is real: not a name, not a price."""
