"""Every setting, where its value comes from, and what is wrong with it.

Order: flag, then environment (`RALPH_NAME`, nested `RALPH_SECTION__NAME`, secrets also `..._FILE`),
then `RALPH_HOME/ralph.toml`, then the default.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from platformdirs import user_data_path

from ralph.catalog import nearest
from ralph.config.sections import (
    AdjustmentConfig,
    BackupConfig,
    ClosingBetRules,
    CostRules,
    DaytradingRules,
    EmbeddedConfig,
    JobsConfig,
    LimitsConfig,
    LiveConfig,
    LogConfig,
    QualityConfig,
    RetentionConfig,
    ScheduleConfig,
    ScreenRules,
    SignalRules,
    SignalsConfig,
    StreamConfig,
    TelemetryConfig,
    VcpRules,
)
from ralph.errors import Misconfigured

__all__ = [
    "AdjustmentConfig",
    "BackupConfig",
    "ClosingBetRules",
    "Config",
    "CostRules",
    "DaytradingRules",
    "EmbeddedConfig",
    "JobsConfig",
    "LimitsConfig",
    "LiveConfig",
    "LogConfig",
    "QualityConfig",
    "RetentionConfig",
    "ScheduleConfig",
    "ScreenRules",
    "Setting",
    "SignalRules",
    "SignalsConfig",
    "StreamConfig",
    "TelemetryConfig",
    "VcpRules",
    "default_home",
    "load",
]

SECRETS = ("database_url", "redis_url", "telemetry.otlp_headers")
"""Settings that may hold a password: never shown, also read from a file named by `..._FILE`."""

OUTSIDE = frozenset({"RALPH_SHARED_DIR", "RALPH_TEST_TIMESCALE_URL"})
"""Variables that start with RALPH_ and belong to tests and benchmarks."""

STANDARD_VARIABLES = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "telemetry.otlp_endpoint",
    "OTEL_EXPORTER_OTLP_HEADERS": "telemetry.otlp_headers",
}  # those of OpenTelemetry that stand for settings of ours
Section = TypeVar("Section", bound=msgspec.Struct)


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings. URLs left out mean the embedded servers; allowed_hosts are names beside the loopback ones."""

    home: Path
    host: str = "127.0.0.1"
    port: int = 8420
    allowed_hosts: tuple[str, ...] = ()
    database_url: str | None = None
    redis_url: str | None = None
    demo: bool = True
    open: bool = True
    log: LogConfig = LogConfig()
    telemetry: TelemetryConfig = TelemetryConfig()
    limits: LimitsConfig = LimitsConfig()
    embedded: EmbeddedConfig = EmbeddedConfig()
    quality: QualityConfig = QualityConfig()
    retention: RetentionConfig = RetentionConfig()
    backup: BackupConfig = BackupConfig()
    adjustment: AdjustmentConfig = AdjustmentConfig()
    signals: SignalsConfig = SignalsConfig()
    live: LiveConfig = LiveConfig()
    stream: StreamConfig = StreamConfig()
    jobs: JobsConfig = JobsConfig()
    schedule: ScheduleConfig = ScheduleConfig()


@dataclass(frozen=True)
class Setting:
    """One value and its origin: "flag --port", "environment RALPH_PORT", "file .../ralph.toml" or "default"."""

    name: str
    value: Any
    origin: str

    @property
    def shown(self) -> str:
        """The value as it may be printed: secrets are hidden."""
        if self.name in SECRETS and self.value is not None:
            return "(set, not shown)"
        return str(msgspec.to_builtins(self.value, enc_hook=str)) if self.value is not None else "(not set)"


def default_home() -> Path:
    """The platform's user data folder, `/var/lib/ralph` for root."""
    return Path("/var/lib/ralph") if os.geteuid() == 0 else user_data_path("ralph")


def load(flags: Mapping[str, Any], environment: Mapping[str, str]) -> tuple[Config, list[Setting]]:
    """The Config and the origin of each value. Misconfigured names an unknown key or a wrong value, and its origin.

    flags   settings by dotted name; None where a flag was not given
    """
    given = {name: (value, f"flag --{name}") for name, value in flags.items() if value is not None}
    variables = _from_environment(environment)
    home = Path((given.get("home") or variables.get("home") or (default_home(), ""))[0]).expanduser().absolute()
    settings = {name: Setting(name, default, "default") for name, _, default in _fields(Config)}
    for name, (value, origin) in {**_from_file(home / "ralph.toml"), **variables, **given}.items():
        settings[name] = Setting(name, _convert(name, value, origin), origin)
    settings["home"] = Setting("home", home, settings["home"].origin if "home" in {**variables, **given} else "default")
    config = _build(settings)
    _check(config, settings)
    return config, list(settings.values())


def _fields(
    kind: type[msgspec.Struct], prefix: str = "", own: msgspec.Struct | None = None
) -> Iterator[tuple[str, Any, Any]]:
    """(dotted name, type, default) of every setting, sections opened; `own`: a section with defaults of its own."""
    for field in msgspec.structs.fields(kind):
        default = getattr(own, field.name) if own is not None else field.default
        if isinstance(default, msgspec.Struct):
            yield from _fields(type(default), f"{prefix}{field.name}.", default)
        else:
            yield f"{prefix}{field.name}", field.type, None if default is msgspec.NODEFAULT else default


def _types() -> dict[str, Any]:
    return {name: kind for name, kind, _ in _fields(Config)}


def _from_environment(environment: Mapping[str, str]) -> dict[str, tuple[Any, str]]:
    found: dict[str, tuple[Any, str]] = {}
    for variable, name in STANDARD_VARIABLES.items():
        if environment.get(variable):
            found[name] = (environment[variable], f"environment {variable}")
    for variable in sorted(environment):
        if not variable.startswith("RALPH_") or variable in OUTSIDE:
            continue
        name = variable.removeprefix("RALPH_").lower().replace("__", ".")
        value, origin = environment[variable], f"environment {variable}"
        if name.endswith("_file") and name.removesuffix("_file") in SECRETS:
            name, value = name.removesuffix("_file"), _read_secret(Path(value), variable)
        _known(name, origin)
        found[name] = (tuple(value.split(",")) if name == "allowed_hosts" else value, origin)
    return found


def _read_secret(path: Path, variable: str) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        raise Misconfigured(f"{variable}: cannot read {path}: {error.strerror}", field=variable) from error


def _from_file(path: Path) -> dict[str, tuple[Any, str]]:
    try:
        text = path.read_bytes().decode()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"cannot read {path}: {error}", field="ralph.toml") from error
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{path} is not TOML: {error}", field="ralph.toml") from error
    found: dict[str, tuple[Any, str]] = {}
    for name, part in _opened(tables):
        _known(name, f"file {path}")
        if name == "home":
            raise Misconfigured(f"{path}: home cannot be set in the file that lies in it; use RALPH_HOME", field="home")
        found[name] = (part, f"file {path}")
    return found


def _opened(tables: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted name, value) of what stands in tables and the tables in them."""
    for key, value in tables.items():
        if isinstance(value, dict):
            yield from _opened(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _known(name: str, origin: str) -> None:
    known = list(_types())
    if name not in known:
        near = nearest(name, known)
        hint = f"did you mean {near}?" if near else f"known: {', '.join(known)}"
        raise Misconfigured(f"{origin}: there is no setting {name}; {hint}", field=name, accepted=near)


def _convert(name: str, value: Any, origin: str) -> Any:
    try:
        return msgspec.convert(value, _types()[name], strict=False, dec_hook=lambda kind, raw: kind(raw))
    except msgspec.ValidationError as error:
        shown = "what was given" if name in SECRETS else repr(value)
        raise Misconfigured(f"{origin}: {name} cannot be {shown}: {error}", field=name) from error


def _build(settings: Mapping[str, Setting]) -> Config:
    nested: dict[str, Any] = {}
    for name, setting in settings.items():
        *sections, leaf = name.split(".")
        part = nested
        for section in sections:
            part = part.setdefault(section, {})
        part[leaf] = setting.value
    return _filled(Config, nested)


def _filled(kind: type[Section], parts: Mapping[str, Any]) -> Section:
    sections = {field.name: type(field.default) for field in msgspec.structs.fields(kind)}
    return kind(
        **{key: _filled(sections[key], part) if isinstance(part, dict) else part for key, part in parts.items()}
    )


def _check(config: Config, settings: Mapping[str, Setting]) -> None:
    rules = {
        "port": (0 <= config.port <= 65_535, "a port from 0 to 65535 (0 picks a free one)"),
        "database_url": (
            config.database_url is None or config.database_url.startswith(("postgresql://", "postgres://")),
            "postgresql://user@host/database",
        ),
        "redis_url": (
            config.redis_url is None or config.redis_url.startswith(("redis://", "rediss://", "unix://")),
            "redis://host:6379/0",
        ),
        "limits.body_bytes": (1_024 <= config.limits.body_bytes <= 2**30, "1024 to 1073741824"),
        "limits.upload_bytes": (1_024 <= config.limits.upload_bytes <= 2**36, "1024 to 68719476736"),
        "quality.coverage_pct": (0 <= config.quality.coverage_pct <= 100, "0 to 100 percent"),
        "quality.runs_kept": (1 <= config.quality.runs_kept <= 1_000, "1 to 1000"),
        "retention.bars_years": (0 <= config.retention.bars_years <= 200, "0 (for ever) to 200"),
        "retention.minute_bars_days": (0 <= config.retention.minute_bars_days <= 36_500, "0 (for ever) to 36500"),
        "retention.ticks_days": (0 <= config.retention.ticks_days <= 36_500, "0 (for ever) to 36500"),
        "retention.import_runs_days": (0 <= config.retention.import_runs_days <= 36_500, "0 (for ever) to 36500"),
        "retention.screen_runs_days": (0 <= config.retention.screen_runs_days <= 36_500, "0 (for ever) to 36500"),
        "retention.jobs_days": (0 <= config.retention.jobs_days <= 36_500, "0 (for ever) to 36500"),
        "backup.every_h": (0.01 <= config.backup.every_h <= 168, "0.01 to 168 hours"),
        "backup.log_s": (0.1 <= config.backup.log_s <= 300, "0.1 to 300 seconds"),
        "backup.daily": (1 <= config.backup.daily <= 3_650, "1 to 3650"),
        "backup.weekly": (0 <= config.backup.weekly <= 520, "0 to 520"),
        "jobs.fast_at_once": (1 <= config.jobs.fast_at_once <= 1_000, "1 to 1000"),
        "jobs.long_at_once": (1 <= config.jobs.long_at_once <= 100, "1 to 100"),
        "jobs.lease_s": (0.2 <= config.jobs.lease_s <= 3_600, "0.2 to 3600 seconds"),
        "jobs.heartbeat_s": (
            0.05 <= config.jobs.heartbeat_s <= config.jobs.lease_s / 2,
            "0.05 to half of jobs.lease_s",
        ),
        "jobs.sweep_s": (0.05 <= config.jobs.sweep_s <= 600, "0.05 to 600 seconds"),
        "jobs.attempts_max": (1 <= config.jobs.attempts_max <= 100, "1 to 100"),
        "jobs.grace_s": (0 <= config.jobs.grace_s <= 600, "0 to 600 seconds"),
        "jobs.outage_s": (0 <= config.jobs.outage_s <= 604_800, "0 to 604800 seconds"),
        "live.speed": (0.1 <= config.live.speed <= 100_000, "0.1 to 100000 times the clock"),
        "live.silent_s": (0.1 <= config.live.silent_s <= 3_600, "0.1 to 3600 seconds"),
        "stream.connections_max": (1 <= config.stream.connections_max <= 1_000_000, "1 to 1000000"),
        "stream.ping_s": (0.1 <= config.stream.ping_s <= 600, "0.1 to 600 seconds"),
        "stream.slow_s": (0.1 <= config.stream.slow_s <= 600, "0.1 to 600 seconds"),
        "embedded.check_interval_s": (0.05 <= config.embedded.check_interval_s <= 60, "0.05 to 60 seconds"),
    }
    for name, (holds, accepted) in rules.items():
        if not holds:
            shown, origin = settings[name].shown, settings[name].origin
            raise Misconfigured(f"{origin}: {name} cannot be {shown}; use {accepted}", field=name, accepted=accepted)
