"""The server dies under an open page and comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
from browsing import browsing, signed_in
from serving import Server

pytestmark = pytest.mark.long

BACK_MS = 180_000  # a server on a busy machine


def test_a_page_says_that_the_server_is_gone_and_goes_on_when_it_is_back(tmp_path: Path) -> None:
    """Nobody reloads anything: the page notices, waits, and asks again once there is somebody to ask."""
    home, log = tmp_path / "home", tmp_path / "log"
    server = Server(home, log)
    with browsing() as browser:
        try:
            server.wait_ready()
            address = server.url
            context = browser.new_context(storage_state=signed_in(browser, address, server.link), locale="en-US")
            page = context.new_page()
            page.goto(address)
            page.get_by_role("region", name="Market gate").wait_for()
            assert server.stop() == 0
            page.locator(".lost").wait_for()
            assert page.get_by_role("region", name="Market gate").is_visible(), "what was there stays in sight"
            with page.expect_response(lambda answer: "/api/v1/gate" in answer.url and answer.ok, timeout=BACK_MS):
                server = Server(home, log, "--port", address.rpartition(":")[2])
                server.wait_ready()
            page.locator(".lost").wait_for(state="detached")
            context.close()
        finally:
            server.stop()
