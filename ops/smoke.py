"""Asks a running Ralph whether it serves; needs Python alone. usage: smoke.py URL [SECONDS TO WAIT]"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request


def ask(url: str) -> tuple[int, bytes]:
    """Status and body of an answer."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def check(base: str) -> str | None:
    """What is wrong; None when nothing is."""
    try:
        status, body = ask(f"{base}/health/ready")
        if status != 200:
            return f"not ready: {body.decode(errors='replace')[:500]}"
        if json.loads(body)["status"] != "ready":
            return "ready without saying so"
        status, body = ask(f"{base}/metrics")
        if status != 200 or b"ralph_build_info" not in body:
            return f"/metrics answers {status} without ralph_build_info"
        status, _ = ask(f"{base}/api/v1/symbols")
        if status not in (401, 404):  # 404: the proxy's inner door has no API
            return f"/api/v1/symbols answers {status} to somebody without a key"
    except OSError as error:
        return f"no answer: {error}"
    return None


def main() -> int:
    """Ask until all is well or the time is over."""
    base = sys.argv[1].rstrip("/")
    deadline = time.monotonic() + float(sys.argv[2] if len(sys.argv) > 2 else 120)
    while (wrong := check(base)) is not None:
        if time.monotonic() > deadline:
            print(f"{base}: {wrong}", file=sys.stderr)
            return 1
        time.sleep(1)
    print(f"{base} serves")
    return 0


if __name__ == "__main__":
    sys.exit(main())
