"""Writes base/rules.yaml, the rules of ops/telemetry/prometheus as the operator of a cluster takes them.

Run `python ops/kubernetes/rules.py` after changing a rule, and commit both.
"""

from __future__ import annotations

from pathlib import Path

import yaml

HERE = Path(__file__).parent
RULES = HERE.parent / "telemetry" / "prometheus" / "rules"


def text() -> str:
    """The PrometheusRule of all rule files."""
    groups = [group for path in sorted(RULES.glob("*.yml")) for group in yaml.safe_load(path.read_text())["groups"]]
    rule = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "ralph"},
        "spec": {"groups": groups},
    }
    head = "# Written by ops/kubernetes/rules.py from ops/telemetry/prometheus/rules.\n"
    return head + yaml.safe_dump(rule, sort_keys=False, allow_unicode=True, width=120)


if __name__ == "__main__":
    (HERE / "base" / "rules.yaml").write_text(text())
