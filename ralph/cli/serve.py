"""`ralph up`, `ralph serve` and `ralph login`: start the server, and find the way into it."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import urllib.error
import urllib.request
import webbrowser
from pathlib import Path
from typing import Any

import click

from ralph import __version__
from ralph.cli.options import home_option, json_option, settings
from ralph.cli.output import ProgressBar, print_json
from ralph.config import Config
from ralph.embedded.home import Home
from ralph.errors import HomeInUse, Misconfigured, NotAllowed, RalphError, Unavailable

LOGIN_TIMEOUT_S = 10
KERNEL_END_S = 1.0  # a scan in flight is over by then


def _serving_options(command: Any) -> Any:
    for option in (
        click.option("--host", help="Address to listen on; default 127.0.0.1."),
        click.option("--port", type=int, help="Port to listen on; default 8420, 0 picks a free one."),
        home_option,
        click.option("--open/--no-open", "open_", default=None, help="Open the page in a browser (on a terminal)."),
        click.option("--demo/--no-demo", default=None, help="Fill the simulated market when there is nothing else."),
    ):
        command = option(command)
    return command


@click.command("up")
@_serving_options
def up_command(**options: Any) -> None:
    """Start everything and serve until Ctrl-C. Servers without a URL are embedded ones under Ralph's folder."""
    _serve("up", _configured(options))


@click.command("serve")
@_serving_options
def serve_command(**options: Any) -> None:
    """Serve with a Postgres and a Redis of your own."""
    config = _configured(options)
    for name in ("database_url", "redis_url"):
        if getattr(config, name) is None:
            raise Misconfigured(
                f"`ralph serve` needs RALPH_{name.upper()}; set it, or use `ralph up`, which brings its own servers",
                field=name,
            )
    _serve("serve", config)


def _configured(options: dict[str, Any]) -> Config:
    options["open"] = options.pop("open_")
    return settings(options.pop("home"), **options)


def _serve(purpose: str, config: Config) -> None:
    import uvloop

    from ralph.api.listening import address, bind
    from ralph.app.application import Application
    from ralph.telemetry import KERNELS, configure_logs, log_rules

    configure_logs(log_rules(config))
    home = Home(config.home)
    _refuse_second(home)
    listener = bind(config.host, config.port)
    url = f"http://{address(listener)}"
    with listener, home.hold(purpose, url):
        click.echo(f"Ralph {__version__} · {url} · folder {home.path}", err=True)
        uvloop.run(Application(config, home, _Announcer(config.open)).serve(listener))
    _leave(KERNELS)


def _leave(kernels: str) -> None:
    """End now if a kernel is still being compiled: all else is closed, and the interpreter would wait for a minute."""
    for thread in threading.enumerate():
        if thread.name.startswith(kernels):
            thread.join(KERNEL_END_S)
            if thread.is_alive():
                logging.shutdown()
                sys.stdout.flush()
                os._exit(0)


def _refuse_second(home: Home) -> None:
    """Say who holds the home before the port is tried: two servers of one home would meet there first."""
    holder = home.holder()
    if holder is not None and holder.url is not None:
        raise HomeInUse(f"the home {home.path} is held by {holder}; open {holder.url}, or stop it first", field="home")


class _Announcer:
    """Tells a person on standard error what has started, and opens the browser once the link is known."""

    def __init__(self, open_browser: bool) -> None:
        self._open = open_browser and sys.stderr.isatty()
        self._bar: ProgressBar | None = None

    def __call__(self, line: str) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        click.echo(line, err=True)

    def progress(self, phase: str, done: int, total: int) -> None:
        """Move the bar, which stands until the next line is said."""
        if self._bar is None:
            self._bar = ProgressBar("simulated market")
        self._bar(phase, done, total)

    def link(self, url: str) -> None:
        """Show the one-time link, alone on its line."""
        click.echo(f"\n  {url}\n\n  works once, within the hour (again: ralph login) · Ctrl-C stops", err=True)
        if self._open:
            webbrowser.open(url)


@click.command("login")
@click.option("--key", "show_key", is_flag=True, help="Print the owner's key instead, for programs.")
@home_option
@json_option
def login_command(show_key: bool, home: Path | None, as_json: bool) -> None:
    """Print a new one-time link to the running server."""
    own = Home(settings(home).home)
    if show_key:
        key = own.owner_key()
        print_json({"key": key}) if as_json else click.echo(key)
        return
    holder = own.holder()
    if holder is None or holder.url is None:
        raise Unavailable(f"no server holds {own.path}; start one with `ralph up`")
    link = holder.url + _new_link(holder.url, own.owner_key())
    print_json({"link": link}) if as_json else click.echo(link)


def _new_link(url: str, key: str) -> str:
    request = urllib.request.Request(  # noqa: S310  # the address is that of our own server
        f"{url}/api/v1/login-links", method="POST", headers={"Authorization": f"Bearer {key}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=LOGIN_TIMEOUT_S) as response:  # noqa: S310
            path: str = json.load(response)["path"]
            return path
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            raise NotAllowed(f"the server at {url} does not know this home's key; is it another home's?") from error
        raise RalphError(f"the server at {url} refused: {error.reason}") from error
    except OSError as error:
        raise Unavailable(f"the server at {url} does not answer: {error}") from error
