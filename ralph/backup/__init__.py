"""Backups: sealed copies of the database and its log in a folder or S3-compatible storage, and the way back."""
