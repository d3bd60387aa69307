"""Jobs over HTTP and on the command line, in a running server."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from serving import Server, environment, serving, told

from ralph.cli.served import refusal
from ralph.errors import BadRequest, DataNotFound
from ralph.store.ledger import JobError

BARS = "symbol,date,open,high,low,close,volume\n" + "".join(
    f"00593{code},2026-05-{day:02},100,110,90,{100 + day},1000\n" for code in range(3) for day in range(4, 30)
)
HISTORY = {"expression": "close > 1", "from": "2026-05-01", "to": "2026-05-20", "symbols": 2}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("jobs") / "home", "--no-demo") as running:
        (running.home / "prices.csv").write_text(BARS)
        assert told(running.home, "import", "bars", str(running.home / "prices.csv")).returncode == 0
        yield running


def ended(server: Server, location: str) -> dict[str, Any]:
    with server.client() as client:
        for _ in range(600):
            job: dict[str, Any] = client.get(location).json()
            if job["finished_at"]:
                return job
            time.sleep(0.1)
    raise AssertionError(f"not over: {job}")


def test_a_job_is_accepted_followed_and_found(server: Server) -> None:
    """202 and a Location; the same key is the same job; events to the end; the result stays."""
    with server.client() as client:
        asked = {"kind": "screen_history", "args": HISTORY}
        answers = [client.post("/api/v1/jobs", json=asked, headers={"Idempotency-Key": "one"}) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [202, 202]
        assert len({answer.headers["Location"] for answer in answers}) == 1
        location = answers[0].headers["Location"]
        other = client.post("/api/v1/jobs", json={"kind": "warm_up"}, headers={"Idempotency-Key": "one"})
        assert (other.status_code, other.json()["field"]) == (422, "Idempotency-Key")
        with client.stream("GET", f"{location}/events") as stream:
            assert stream.headers["Content-Type"].startswith("text/event-stream")
            lines = list(stream.iter_lines())
        assert [line for line in lines if line.startswith("event:")][-1].endswith("end")
        last = json.loads([line for line in lines if line.startswith("data:")][-1].removeprefix("data:"))
        assert last == client.get(location).json()
        assert last["state"] == "succeeded", last
        result = last["result"]
        assert (result["workspace"], result["simulated"]) == ("main", False)
        assert all(each["total_matches"] == 3 and len(each["symbols"]) == 2 for each in result["sessions"])
        page = client.get("/api/v1/jobs", params={"kind": "screen_history", "state": "succeeded", "limit": 1}).json()
        assert page["jobs"][0]["id"] == last["id"]
        metrics = client.get("/metrics").text
        assert 'ralph_jobs_total{name="screen_history",outcome="succeeded"} 1.0' in metrics
        assert "jobs" in client.get("/health").json()["parts"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "nonsense"}, "kind"),
        ({"kind": "quality", "args": {"workspce": "main"}}, "args"),
        ({"kind": "quality", "args": {"workspace": "a\0b"}}, "args"),
        ({"kind": "quality", "priority": 40_000}, "priority"),
    ],
)
def test_what_cannot_be_begun_is_refused(server: Server, body: dict[str, Any], field: str) -> None:
    with server.client() as client:
        answer = client.post("/api/v1/jobs", json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text
    assert answer.json()["accepted"]


def test_a_job_reads_nothing_outside_the_inbox(server: Server) -> None:
    with server.client() as client:
        answer = client.post("/api/v1/jobs", json={"kind": "import", "args": {"file": "../owner.key"}})
        job = ended(server, answer.headers["Location"])
        assert (job["state"], job["error"]["field"], job["attempts"]) == ("failed", "file", 1)
        again = client.post(f"{answer.headers['Location']}/retry")
        assert again.status_code == 202
        ended(server, answer.headers["Location"])
        assert client.post(f"{answer.headers['Location']}/cancel").status_code == 422
        assert client.get("/api/v1/jobs/999999").status_code == 404
        assert client.get("/api/v1/jobs/no").status_code == 404


def test_an_upload_becomes_a_job(server: Server) -> None:
    """The file waits in the inbox, is imported once, and is gone; the same upload again is the same job."""
    with server.client() as client:
        headers = {"Prefer": "respond-async", "Idempotency-Key": "upload"}
        for _ in range(2):
            answer = client.post(
                "/api/v1/imports", params={"filename": "a.csv"}, content=BARS.encode(), headers=headers
            )
            assert answer.status_code == 202, answer.text
        job = ended(server, answer.headers["Location"])
        assert job["state"] == "succeeded", job
        assert (job["result"]["rows_read"], job["result"]["unchanged"]) == (78, 78)
        assert not list((server.home / "inbox").iterdir())
        assert client.get(f"/api/v1/imports/{job['result']['run_id']}").status_code == 200
        answer = client.post("/api/v1/quality/runs", headers={"Prefer": "respond-async"})
        assert answer.status_code == 202
        run = ended(server, answer.headers["Location"])
        assert run["state"] == "succeeded", run
        assert client.get(f"/api/v1/quality/runs/{run['result']['run_id']}").status_code == 200


def test_work_that_takes_long_is_a_job_wherever_it_is_asked_for(server: Server) -> None:
    """202 and a Location, of signals, of the history of a screen and of adjustments; cancelled, each is over."""
    span = {"from": "2026-05-18", "to": "2026-05-20"}
    later, paths = {"Prefer": "respond-async"}, ("signals/run", "adjustments/propose")
    with server.client() as client:
        screen = client.post("/api/v1/screens", json={"name": "up", "expression": "close > 1"}).json()["screen"]["id"]
        made = client.post("/api/v1/signals/backfill", json=span, headers={"Idempotency-Key": "b"})
        filled = client.post(f"/api/v1/screens/{screen}/runs", json=span, headers=later)
        others = [client.post(f"/api/v1/{path}", json={}, headers=later) for path in paths]
        assert [each.status_code for each in (made, filled, *others)] == [202] * 4
        for each in others:
            assert client.post(f"{each.headers['Location']}/cancel").status_code == 202
        job = ended(server, made.headers["Location"])
        assert (job["state"], job["result"]["sessions"], job["key"]) == ("succeeded", 3, "b"), job
        job = ended(server, filled.headers["Location"])
        assert (job["state"], job["result"]["filled"], job["result"]["hits"]) == ("succeeded", 3, 9), job
        assert [ended(server, each.headers["Location"])["state"] for each in others] == ["cancelled"] * 2
        wrong = client.post("/api/v1/jobs", json={"kind": "signals", "args": {"rebuild": True}})
        assert ended(server, wrong.headers["Location"])["error"]["field"] == "from"


def test_what_a_job_was_refused_for_is_refused_by_the_command() -> None:
    """With the same reaction; what is not known is a refusal all the same."""
    known = refusal(JobError("DATA_NOT_FOUND", "no Session", "from", "a date"))
    assert (type(known), known.exit_code, known.field, known.accepted) == (DataNotFound, 3, "from", "a date")
    assert type(refusal(JobError("SOMETHING", "else"))) is BadRequest


def test_the_command_begins_watches_and_lists(server: Server) -> None:
    """Also a command about something else, whose work the server does."""
    made = told(server.home, "signals", "backfill", "--from", "2026-05-21", "--to", "2026-05-22", "--json")
    assert json.loads(made.stdout)["systems"], made.stderr
    assert "signals" in told(server.home, "jobs", "ls", "--limit", "1").stdout
    begun = told(server.home, "jobs", "start", "panel", '{"workspace": "main"}', "--json")
    assert begun.returncode == 0, begun.stderr
    job = json.loads(begun.stdout)
    assert (job["state"], job["result"]["workspace"]) == ("succeeded", "main")
    shown = told(server.home, "jobs", "show", job["id"])
    assert "succeeded" in shown.stdout
    listed = json.loads(told(server.home, "jobs", "ls", "--kind", "panel", "--json").stdout)
    assert [each["id"] for each in listed] == [job["id"]]
    assert told(server.home, "jobs", "show", "999999").returncode == 3
    assert told(server.home, "jobs", "retry", job["id"]).returncode == 2


def test_interrupted_watching_leaves_the_job(server: Server) -> None:
    """Ctrl-C stops watching only, and says how to go on."""
    command = [
        sys.executable,
        "-m",
        "ralph",
        "jobs",
        "start",
        "screen_history",
        json.dumps(HISTORY),
        "--key",
        "watched",
    ]
    watching = subprocess.Popen(command, env=environment(server.home), stderr=subprocess.PIPE, text=True)
    with server.client() as client:
        for _ in range(1_200):
            found = client.get("/api/v1/jobs", params={"kind": "screen_history"}).json()["jobs"]
            if found and found[0]["key"] == "watched":
                break
            time.sleep(0.1)
        watching.send_signal(signal.SIGINT)
        _, said = watching.communicate(timeout=30)
        assert watching.returncode == 130, said
        assert f"ralph jobs watch {found[0]['id']}" in said
        assert ended(server, f"/api/v1/jobs/{found[0]['id']}")["state"] == "succeeded"


def test_another_worker_joins_and_leaves(server: Server, tmp_path: Path) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-m", "ralph", "worker", "--queue", "long"],
        env=environment(server.home),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert worker.stderr is not None
    assert "works on jobs of long" in worker.stderr.readline()
    worker.send_signal(signal.SIGTERM)
    _, said = worker.communicate(timeout=20)
    assert worker.returncode == 0, said


def test_an_interrupted_import_goes_on_in_the_server(server: Server) -> None:
    """Ctrl-C stops watching; what was begun ends, and the file is no longer needed."""
    prices = server.home / "interrupted.csv"
    prices.write_text(BARS.replace("2026-05", "2026-04"))
    command = [sys.executable, "-m", "ralph", "import", "bars", str(prices)]
    importing = subprocess.Popen(command, env=environment(server.home), stderr=subprocess.PIPE, text=True)
    with server.client() as client:
        before = len(client.get("/api/v1/jobs", params={"kind": "import"}).json()["jobs"])
        for _ in range(1_200):
            found = client.get("/api/v1/jobs", params={"kind": "import"}).json()["jobs"]
            if len(found) > before:
                break
            time.sleep(0.1)
        prices.unlink()
        importing.send_signal(signal.SIGINT)
        _, said = importing.communicate(timeout=30)
        assert importing.returncode == 130, said
        assert f"ralph jobs watch {found[0]['id']}" in said
        job = ended(server, f"/api/v1/jobs/{found[0]['id']}")
    assert (job["state"], job["result"]["stored"]) == ("succeeded", 78)


def test_files_are_left_to_the_server(server: Server, tmp_path: Path) -> None:
    """Several of them are one job; each is told of, the broken one, too. Detached, the job is all that is said."""
    (tmp_path / "bad.csv").write_text("nothing")
    (tmp_path / "good.csv").write_text(BARS.replace("2026-05", "2026-03"))
    both = json.loads(told(server.home, "import", "bars", str(tmp_path), "--json").stdout)
    assert both[0]["error"]["code"] == "BAD_FILE"
    assert (both[1]["file_name"], both[1]["stored"]) == ("good.csv", 78)
    refused = told(server.home, "import", "bars", str(tmp_path / "bad.csv"))
    assert (refused.returncode, "bad.csv" in refused.stderr) == (1, True), refused.stderr
    left = told(server.home, "import", "bars", str(tmp_path / "good.csv"), "--detach", "--json")
    job = ended(server, f"/api/v1/jobs/{json.loads(left.stdout)['id']}")
    assert (job["state"], job["result"]["unchanged"]) == ("succeeded", 78)
    assert list((server.home / "inbox").iterdir()) == []


def test_the_schedule_is_shown_paused_and_run(server: Server) -> None:
    with server.client() as client:
        outlook = client.get("/api/v1/schedule", params={"hours": 48}).json()
        schedules = {each["name"]: each for each in outlook["schedules"]}
        assert list(schedules) == ["symbol-master", "end-of-day", "corrections", "retention"]
        assert {each["name"] for each in outlook["upcoming"]} >= {"retention"}
        paused = client.post("/api/v1/schedule/retention/pause").json()["schedules"][-1]
        assert (paused["name"], paused["paused"], paused["next_at"]) == ("retention", True, None)
        assert client.post("/api/v1/schedule/retention/resume").json()["schedules"][-1]["next_at"]
        begun = client.post("/api/v1/schedule/retention/run")
        assert begun.status_code == 202
        job = ended(server, begun.headers["Location"])
        assert (job["state"], job["result"]["applied"], job["owner"]) == ("succeeded", False, "schedule")
        assert {each["table"] for each in job["result"]["removals"]} >= {"bars_daily", "jobs", "screen_runs"}
        unknown = client.post("/api/v1/schedule/tea/run")
        assert (unknown.status_code, unknown.json()["field"]) == (404, "name")
        assert client.get("/api/v1/schedule", params={"hours": 0}).status_code == 422
        removing = {"kind": "retention", "args": {"apply": True}}
        refused = ended(server, client.post("/api/v1/jobs", json=removing).headers["Location"])
        assert (refused["state"], refused["error"]["field"]) == ("failed", "dry_run")
        removing["args"] = {"apply": True, "dry_run": job["id"]}
        done = ended(server, client.post("/api/v1/jobs", json=removing).headers["Location"])
        assert (done["state"], done["result"]["applied"]) == ("succeeded", True)
    listed = told(server.home, "schedule", "ls")
    assert "30 minutes after the close" in listed.stdout
    assert "retention" in listed.stdout


def test_the_end_of_a_session_is_shown_step_by_step(server: Server) -> None:
    """A history to which nobody delivers: its newest Session is done, in a process of its own."""
    ran = told(server.home, "schedule", "run", "end-of-day")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for step in ("bars", "adjustment", "quality", "panel", "scans", "signals", "gate", "screens", "warm"):
        assert step in ran.stdout, ran.stdout
