"""Postgres and Redis for a local start, from the wheels that carry them."""
