"""What a screen found as a file: CSV, Parquet or XLSX."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from ralph import screens
from ralph.jobs.exports import ExportFormat


def export_matches(answer: screens.Answer, form: ExportFormat, folder: Path) -> bytes:
    """All matches of an answer in their order: code, name, score and every value; slow, best in a thread.

    folder  where a file may stand while it is written. Every row of the file says which market it speaks of.
    """
    from ralph.brokers.files.writing import TableWriter  # a second's work that no other answer needs

    matches = answer.matches
    names = list(matches[0].values) if matches else []
    about = {"workspace": answer.workspace, "simulated": str(answer.simulated).lower(), "as_of": str(answer.as_of)}
    block: dict[str, list[str | None] | np.ndarray] = {name: [value] * len(matches) for name, value in about.items()}
    block["symbol"] = [match.symbol for match in matches]
    block["name"] = [match.name for match in matches]
    block["score"] = np.array([match.score for match in matches], dtype=np.float64)
    for name in names:
        block[name] = np.array([match.values[name] for match in matches], dtype=np.float64)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="matches-", dir=folder) as place:
        path = Path(place) / "matches"
        writer = TableWriter(path, form, "matches", about, len(matches))
        writer.write(block)
        writer.close(True)
        return path.read_bytes()


def file_name(answer: screens.Answer, form: ExportFormat) -> str:
    """`screen-2026-11-20.csv`; of the simulated market it says so."""
    return f"screen-{answer.as_of}{'-simulated' if answer.simulated else ''}.{form}"
