"""`ralph worker`: works on jobs beside the server, or on another machine."""

from __future__ import annotations

from pathlib import Path

import click

from ralph.cli.options import home_option, run, settings
from ralph.config import Config
from ralph.embedded.home import Addresses, Home
from ralph.embedded.servers import SERVING
from ralph.errors import BadParameter, Unavailable
from ralph.store.ledger import QUEUES, QueueName

PORT_MAX = 65_535


@click.command("worker")
@click.option("--queue", "queues", multiple=True, type=click.Choice(QUEUES), help="Only these; default: all.")
@click.option("--metrics", "metrics_at", metavar="HOST:PORT", help="Show metrics there; default: nowhere.")
@home_option
def worker_command(queues: tuple[QueueName, ...], metrics_at: str | None, home: Path | None) -> None:
    """Work on jobs until Ctrl-C, with the servers of the configuration, or those of the running `ralph up`.

    Any number of workers may run. What is at work when one stops is handed over.
    """
    from ralph.app.working import Work, work
    from ralph.telemetry import configure_logs, log_rules

    config = settings(home)
    configure_logs(log_rules(config))
    where = None if metrics_at is None else _host_and_port(metrics_at)
    doing = Work(_addresses(config), queues or QUEUES, where)
    run(work(config, doing, lambda line: click.echo(line, err=True)))


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > PORT_MAX:
        raise BadParameter(f"--metrics cannot be {text!r}", field="metrics", accepted="HOST:PORT, as 127.0.0.1:9420")
    return host.strip("[]"), int(port)


def _addresses(config: Config) -> Addresses:
    own = Home(config.home)
    holder = own.holder()
    running = own.servers() if holder is not None and holder.purpose in SERVING else None
    database_url = config.database_url or (running.database_url if running else None)
    redis_url = config.redis_url or (running.redis_url if running else None)
    if database_url is None or redis_url is None:
        raise Unavailable(
            f"there are no servers to work with: start `ralph up` with the home {own.path}, "
            "or set RALPH_DATABASE_URL and RALPH_REDIS_URL"
        )
    return Addresses(database_url, redis_url)
