"""Scanners find chart patterns: code that looks at a whole market as of a Session and returns Setups.

vcp   volatility contraction bases
"""
