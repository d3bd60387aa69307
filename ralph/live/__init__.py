"""The live path: a feed drives the tape, what happens is published and recorded; and a stored day played again."""
