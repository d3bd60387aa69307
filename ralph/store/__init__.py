"""Postgres and the files beside it: SQL stands next to its callers."""
