"""What is wrong with the bars of a market: a run over all of them, the coverage gate, and holes by Symbol. Pure."""

from ralph.market.quality.coverage import COVERAGE_PCT, Coverage, coverage
from ralph.market.quality.examination import Examination, examine
from ralph.market.quality.findings import KINDS, SEVERITIES, Detail, Finding, Kind, Severity, find, severity_of
from ralph.market.quality.holes import HoleCalendar, hole_calendar

__all__ = [
    "COVERAGE_PCT",
    "KINDS",
    "SEVERITIES",
    "Coverage",
    "Detail",
    "Examination",
    "Finding",
    "HoleCalendar",
    "Kind",
    "Severity",
    "coverage",
    "examine",
    "find",
    "hole_calendar",
    "severity_of",
]
