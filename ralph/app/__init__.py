"""Puts the parts together and runs them: the server, or a worker alone."""
