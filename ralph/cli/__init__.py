"""The command `ralph`: its commands, loaded when called, and how errors become exit codes."""

from __future__ import annotations

import importlib
import os
import sys

import click

from ralph import __version__
from ralph.catalog import nearest
from ralph.errors import BadExpression, RalphError

COMMANDS = {
    "up": ("serve", "Start everything (embedded servers where no URL is set) and serve."),
    "serve": ("serve", "Serve with the Postgres and Redis that are configured."),
    "login": ("serve", "Print a one-time link to the running server, or the owner's key."),
    "migrate": ("system", "Bring the database's schema up to date, or show where it stands."),
    "import": ("imports", "Import bars, minutes, symbols, shares, flows, indices and splits; list past imports."),
    "export": ("exports", "Export bars, flows, symbols, shares or indices to CSV, Parquet or XLSX."),
    "adjustments": ("adjustments", "Find, list and confirm splits and bonus issues, which adjust raw prices."),
    "screen": ("screen", "Ask which symbols meet a condition."),
    "scan": ("scan", "Find charts in position: bases, breakouts, strong closes."),
    "gate": ("scan", "Show whether the market as a whole invites buying, and its breadth."),
    "signals": ("signals", "Graded signals: make them, follow them, and see what they earned."),
    "replay": ("replay", "Play a stored Session once more, as if it were live."),
    "watch": ("watch", "Watch quotes, a screen or signals as they change."),
    "symbols": ("symbols", "List symbols, or search them."),
    "rating": ("rating", "Rate a symbol by 15 averages and 11 oscillators."),
    "list": ("lists", "Keep watchlists and named lists of symbols."),
    "calendar": ("calendar", "Show the Sessions of the exchange, their hours and the closed days."),
    "indicators": ("indicators", "List the indicators with their parameters and outputs."),
    "quality": ("quality", "Look at all bars and say what is wrong with them; coverage and holes."),
    "jobs": ("jobs", "Long work: list it, begin it, watch it, cancel it, try it again."),
    "schedule": ("schedule", "What runs by itself: when, what will come, run it now, pause it."),
    "worker": ("worker", "Work on jobs beside the server, or on another machine."),
    "retention": ("retention", "Show what is older than its limit, and remove it."),
    "backup": ("backups", "Take a sealed backup, list backups, verify them."),
    "restore": ("backups", "Restore a backup into a new home, to the latest or any instant."),
    "doctor": ("system", "Check this machine and this home, and say what to mend."),
    "config": ("system", "Show the settings and where each comes from."),
}
"""Each command's module in this package and its line of help, so that help needs no module."""

INTERRUPTED = 130


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called: help answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            near = nearest(cmd_name, list(COMMANDS))
            hint = f"did you mean {near}?" if near else f"known: {', '.join(COMMANDS)}"
            raise click.UsageError(f"there is no command {cmd_name!r}; {hint}", ctx)
        module = importlib.import_module(f"ralph.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, help_line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ralph")
def group() -> None:
    """Ralph: self-hosted stock analysis. Start with `ralph up`."""


def main() -> None:
    """Run the command; every error is one line on standard error and an exit code."""
    try:
        sys.exit(group(prog_name="ralph", standalone_mode=False))
    except click.exceptions.Exit as exit_request:
        sys.exit(exit_request.exit_code)
    except click.ClickException as error:
        sys.exit(_say(error.format_message(), error.exit_code))
    except RalphError as error:
        if isinstance(error, BadExpression):
            sys.exit(_say(f"at character {error.position + 1}: {error.message}", error.exit_code))
        sys.exit(_say(error.message, error.exit_code))
    except (KeyboardInterrupt, click.Abort):
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader left; nothing more can be said
        sys.exit(0)


def _say(message: str, exit_code: int) -> int:
    click.echo(f"ralph: {message}", err=True)
    return exit_code
