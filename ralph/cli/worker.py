"""`ralph worker`: works on jobs beside the server, or on another machine."""

from __future__ import annotations

from pathlib import Path

import click

from ralph.cli.options import home_option, run, settings
from ralph.config import Config
from ralph.embedded.home import Addresses, Home
from ralph.embedded.servers import SERVING
from ralph.errors import Unavailable
from ralph.store.ledger import QUEUES, QueueName


@click.command("worker")
@click.option("--queue", "queues", multiple=True, type=click.Choice(QUEUES), help="Only these; default: all.")
@home_option
def worker_command(queues: tuple[QueueName, ...], home: Path | None) -> None:
    """Work on jobs until Ctrl-C, with the servers of the configuration, or those of the running `ralph up`.

    Any number of workers may run. What is at work when one stops is handed over.
    """
    from ralph.app import work
    from ralph.telemetry import configure_logs, log_rules

    config = settings(home)
    configure_logs(log_rules(config))
    run(work(config, _addresses(config), queues or QUEUES, lambda line: click.echo(line, err=True)))


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
