"""Symbols, bars, Sessions and the Panel: the words of the market. Pure."""
