"""Screens: conditions over the market, as text.

parser (tokens, calls) reads the text into the typed tree; writing turns a tree into text again; evaluation (blocks)
plans and computes it over many Symbols; scoring, reasons and nearness explain; running puts it together.
"""

from ralph.screens.answer import Answer, Excluded, Extra, FunnelStep, Match, NearMiss, Reason, Request
from ralph.screens.charting import compute_indicators, inputs_of, parse_indicators
from ralph.screens.checking import Fix, Problem, validate
from ralph.screens.completion import Completion, Names, complete
from ralph.screens.formatting import format_text
from ralph.screens.forms import from_json, to_json
from ralph.screens.matching import Days, run_dates
from ralph.screens.parser import parse, parse_number
from ralph.screens.reference import Reference, language_reference
from ralph.screens.running import run
from ralph.screens.selecting import Context, names_in
from ralph.screens.tree import Node
from ralph.screens.universe import members

__all__ = [
    "Answer",
    "Completion",
    "Context",
    "Days",
    "Excluded",
    "Extra",
    "Fix",
    "FunnelStep",
    "Match",
    "Names",
    "NearMiss",
    "Node",
    "Problem",
    "Reason",
    "Reference",
    "Request",
    "complete",
    "compute_indicators",
    "format_text",
    "from_json",
    "inputs_of",
    "language_reference",
    "members",
    "names_in",
    "parse",
    "parse_indicators",
    "parse_number",
    "run",
    "run_dates",
    "to_json",
    "validate",
]
