"""From what happens to what a browser is told: topics, mailboxes, the hub, and the way to the sockets."""
