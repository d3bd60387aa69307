"""Alerts: rules by their cases, routes, inhibition, runbook; and a killed server is told of by real programs."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from monitoring import (
    ROOT,
    RULES,
    STACK,
    Told,
    alertmanager,
    alerts,
    listening,
    needed,
    read_yaml,
    wait_until,
)

CASES = sorted((STACK / "prometheus" / "tests").glob("*.yml"))
LEAST = 20


def command(*arguments: str | Path) -> str:
    """The output of a program that must succeed."""
    run = subprocess.run([str(each) for each in arguments], capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def test_rules_and_configuration_are_valid() -> None:
    needed("promtool")
    command("promtool", "check", "rules", "--lint=all", "--lint-fatal", *RULES.glob("*.yml"))
    command("promtool", "check", "config", STACK / "prometheus" / "prometheus.yml")


@pytest.mark.parametrize("cases", CASES, ids=lambda path: path.stem)
def test_every_alert_fires_when_it_should_and_only_then(cases: Path) -> None:
    needed("promtool")
    command("promtool", "test", "rules", cases)


def test_every_alert_has_a_case_of_each_kind() -> None:
    names = [case["name"] for path in CASES for case in read_yaml(path)["tests"]]
    wanted = {f"{name} {what}" for name in alerts() for what in ("fires", "stays silent")}
    assert sorted(names) == sorted(wanted - {"Watchdog stays silent"})
    for path in CASES:
        for case in read_yaml(path)["tests"]:
            (asked,) = case["promql_expr_test"]
            assert case["name"].split()[0] in asked["expr"]
            assert bool(asked["exp_samples"]) == case["name"].endswith("fires")
    assert len(alerts()) >= LEAST


def test_every_alert_says_what_it_means_and_where_to_read_on() -> None:
    headings = re.findall(r"^## (\w+)$", (ROOT / "ops" / "runbook" / "alerts.md").read_text(), re.MULTILINE)
    assert sorted(headings) == sorted(alerts())
    for name, rule in alerts().items():
        assert rule["labels"]["severity"] in {"critical", "warning", "none"}
        assert set(rule["annotations"]) == {"summary", "description", "runbook"}
        assert rule["annotations"]["runbook"] == f"ops/runbook/alerts.md#{name.lower()}"


def test_a_dead_server_is_told_of_within_a_minute_at_worst() -> None:
    """Scrape, evaluation and the rule's own patience together; critical alerts wait for no group."""
    config = read_yaml(STACK / "prometheus" / "prometheus.yml")["global"]
    seconds = [int(config[name].removesuffix("s")) for name in ("scrape_interval", "evaluation_interval")]
    for name in ("ServiceDown", "DatabaseDown", "WorkerDown", "FeedSilent", "DiskFull"):
        patience = int(alerts()[name]["for"].removesuffix("s"))
        silence = [int(found) for found in re.findall(r"> (\d\d)\b", alerts()[name]["expr"])]
        assert sum(seconds) + patience + sum(silence) <= 60
    route = read_yaml(STACK / "alertmanager" / "alertmanager.yml")["route"]
    assert route["routes"][1]["group_wait"] == "0s"


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (("severity=critical", "alertname=ServiceDown"), "critical"),
        (("severity=warning", "alertname=HighLatency"), "warnings"),
        (("severity=none", "alertname=Watchdog"), "dead-man"),
        (("alertname=Unknown",), "warnings"),
    ],
)
def test_each_severity_has_its_receiver(labels: tuple[str, ...], receiver: str) -> None:
    needed("amtool")
    config = STACK / "alertmanager" / "alertmanager.yml"
    assert "SUCCESS" in command("amtool", "check-config", config)
    told = command("amtool", "config", "routes", "test", f"--config.file={config}", *labels)
    assert told.strip() == receiver


def test_secrets_are_files_and_critical_goes_two_ways() -> None:
    text = (STACK / "alertmanager" / "alertmanager.yml").read_text()
    assert "hooks.slack.com" not in text
    assert "${" not in text
    receivers = {each["name"]: each for each in read_yaml(STACK / "alertmanager" / "alertmanager.yml")["receivers"]}
    assert {"slack_configs", "email_configs"} <= set(receivers["critical"])


@pytest.fixture
def notified(tmp_path: Path) -> Iterator[tuple[str, Told]]:
    """An Alertmanager of ours, and what it tells."""
    needed("prometheus-alertmanager")
    with listening() as (webhook, told), alertmanager(tmp_path, webhook) as port:
        yield f"http://127.0.0.1:{port}", told


def test_what_follows_from_another_alert_is_not_told(notified: tuple[str, Told]) -> None:
    """Warnings of another name are inhibited by a dead server of the same job, and no others."""
    url, told = notified
    fired = [
        {"alertname": "ServiceDown", "severity": "critical", "job": "ralph", "instance": "ralph:8420"},
        {"alertname": "HighLatency", "severity": "warning", "job": "ralph"},
        {"alertname": "WorkerDown", "severity": "critical", "job": "ralph"},
        {"alertname": "HostDiskSpaceLow", "severity": "warning", "job": "node", "instance": "node-exporter:9100"},
        {"alertname": "Watchdog", "severity": "none"},
    ]
    now = datetime.now(UTC).isoformat()

    def post(alerts: list[dict[str, str]]) -> None:
        posted = httpx.post(f"{url}/api/v2/alerts", json=[{"labels": labels, "startsAt": now} for labels in alerts])
        assert posted.status_code == 200, posted.text

    def inhibited() -> set[str]:
        active = httpx.get(f"{url}/api/v2/alerts").json()
        return {each["labels"]["alertname"] for each in active if each["status"]["inhibitedBy"]}

    # Alertmanager takes alerts in beside telling them: what comes with its cause may be told before that is known.
    post(fired[:1])
    wait_until(lambda: told.count("critical", "ServiceDown") == 1)
    post(fired[1:])
    wait_until(lambda: told.count("dead-man", "Watchdog") == 1)
    wait_until(lambda: inhibited() == {"HighLatency", "WorkerDown"})
    assert not told.count("critical", "WorkerDown")


def test_the_files_of_the_stack_agree() -> None:
    """Those that could not be run: every name one file uses is one that another, or itself, defines."""
    collector = read_yaml(STACK / "collector" / "collector.yml")
    for pipeline in collector["service"]["pipelines"].values():
        for kind in ("receivers", "processors", "exporters"):
            assert set(pipeline[kind]) <= set(collector[kind])
    tempo, loki = read_yaml(STACK / "tempo" / "tempo.yml"), read_yaml(STACK / "loki" / "loki.yml")
    grpc = tempo["distributor"]["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"]
    assert collector["exporters"]["otlp/tempo"]["endpoint"].split(":")[1] == grpc.split(":")[1]
    assert (
        collector["exporters"]["otlphttp/loki"]["endpoint"] == f"http://loki:{loki['server']['http_listen_port']}/otlp"
    )
    provisioned = STACK / "grafana" / "provisioning"
    sources = {each["uid"]: each for each in read_yaml(provisioned / "datasources" / "datasources.yml")["datasources"]}
    assert set(sources) == {"prometheus", "loki", "tempo"}
    assert sources["tempo"]["url"].endswith(str(tempo["server"]["http_listen_port"]))
    assert sources["loki"]["url"].endswith(str(loki["server"]["http_listen_port"]))
    linked = re.findall(r"datasourceUid: (\w+)", (provisioned / "datasources" / "datasources.yml").read_text())
    assert set(linked) <= set(sources)
    scraped = {each["job_name"]: each for each in read_yaml(STACK / "prometheus" / "prometheus.yml")["scrape_configs"]}
    assert scraped["collector"]["static_configs"][0]["targets"][0].endswith(
        str(collector["service"]["telemetry"]["metrics"]["readers"][0]["pull"]["exporter"]["prometheus"]["port"])
    )
    assert {"ralph", "ralph-worker", "node", "postgres", "redis", "containers"} <= set(scraped)
