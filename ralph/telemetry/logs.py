"""Logs: one line a record, JSON or for people, with the ids of request and trace and without secrets."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TextIO
from urllib.parse import urlsplit

import msgspec

from ralph.config import Config
from ralph.telemetry.redaction import Redactor
from ralph.telemetry.tracing import current_trace, request_id

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


class JsonFormatter(logging.Formatter):
    """One line of JSON for each record; extra fields stand beside the message."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._redact(record.getMessage()),
        }
        if (current := request_id.get()) is not None:
            line["request_id"] = current
        if (trace := current_trace.get()) is not None:
            line["trace_id"] = trace.trace_id
            line["span_id"] = trace.root_id
        for key, value in vars(record).items():
            if key not in _STANDARD:
                line[key] = self._redact(f"{key}={value}")[len(key) + 1 :] if isinstance(value, str) else value
        if record.exc_info:
            line["exception"] = self._redact(self.formatException(record.exc_info))
        return msgspec.json.encode(line, enc_hook=lambda value: self._redact(str(value))).decode()


class PrettyFormatter(logging.Formatter):
    """A short line for people: time, level, message, extra fields."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        extra = " ".join(f"{key}={value}" for key, value in vars(record).items() if key not in _STANDARD)
        at = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        line = f"{at} {record.levelname.lower():7} {record.getMessage()} {extra}".rstrip()
        return self._redact(f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line)


class _Counting(logging.Filter):
    """Tells of every record by its level; lets all pass."""

    def __init__(self, count: Callable[[str], None]) -> None:
        super().__init__()
        self._count = count

    def filter(self, record: logging.LogRecord) -> bool:
        self._count(record.levelname.lower())
        return True


@dataclass(frozen=True)
class LogRules:
    """level: what is written. style: "json", "pretty", or "auto" (pretty on a terminal). secrets: values to hide."""

    level: str = "info"
    style: str = "auto"
    secrets: Iterable[str] = field(default=())


def log_rules(config: Config) -> LogRules:
    """The rules of a configuration; its secrets are hidden wherever they turn up."""
    secrets = [part.partition("=")[2].strip() for part in (config.telemetry.otlp_headers or "").split(",")]
    secrets += [urlsplit(url).password or "" for url in (config.database_url, config.redis_url) if url]
    return LogRules(config.log.level, config.log.format, secrets)


def configure_logs(rules: LogRules, stream: TextIO | None = None) -> None:
    """Send all logs to one stream (standard error)."""
    stream = stream or sys.stderr
    pretty = rules.style == "pretty" or (rules.style == "auto" and stream.isatty())
    redact = Redactor(rules.secrets)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(PrettyFormatter(redact) if pretty else JsonFormatter(redact))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(rules.level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    logging.getLogger("uvicorn.error").setLevel("WARNING")


def count_logs(count: Callable[[str], None]) -> None:
    """Have every record that is written counted by its level."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(_Counting(count))
