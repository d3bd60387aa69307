"""Signals: Setups that are graded, given prices and a size, and followed until they are closed.

signal    what a Signal is                        grading      one function from points to a grade
prices    levels on the tick grid of their date   sizes        how many shares
costs     what is left after costs and taxes      life         armed, triggered, closed or expired
trading   the bars of a Session, as orders see them
systems   which Setups become Signals, and how    history      a Session of all systems; many of them in a row
performance  what a set of Signals has earned     chance       random entries under the same rules
"""
