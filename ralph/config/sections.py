"""The sections of the configuration, each with its settings and their defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class LogConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """level: what is written; format: auto is pretty on a terminal, JSON elsewhere; requests_per_s: lines for requests
    that went well and were quick, at most, each second."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "pretty"] = "auto"
    requests_per_s: Annotated[int, Meta(ge=0, le=100_000)] = 20


class TelemetryConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """enabled         off: requests are neither counted, traced nor logged
    otlp_endpoint   a collector's OTLP/HTTP address; without one nothing leaves the process. The variable
                    OTEL_EXPORTER_OTLP_ENDPOINT is read, too
    otlp_headers    what the collector wants to see: `name=value,name=value`
    trace_ratio     of ordinary requests and jobs, how many are sent as traces; failed and slow ones always are
    slow_ms         what takes longer is slow
    metrics_s       how often metrics are sent to the collector
    """

    enabled: bool = True
    otlp_endpoint: Annotated[str, Meta(pattern="^https?://")] | None = None
    otlp_headers: Annotated[str, Meta(pattern="^[^=,]+=[^,]*(,[^=,]+=[^,]*)*$")] | None = None
    trace_ratio: Annotated[float, Meta(ge=0, le=1)] = 0.05
    slow_ms: Annotated[float, Meta(gt=0, le=3_600_000)] = 1_000.0
    metrics_s: Annotated[float, Meta(ge=0.05, le=3_600)] = 30.0


class LimitsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sizes in bytes: of a JSON body, and of an uploaded file."""

    body_bytes: int = 1_048_576
    upload_bytes: int = 524_288_000


class EmbeddedConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """check_interval_s: how often the embedded servers are asked whether they live."""

    check_interval_s: float = 1.0


class QualityConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """coverage_pct: the share of the expected Symbols that a Session needs, percent; runs_kept: reports kept of each
    workspace."""

    coverage_pct: float = 80.0
    runs_kept: int = 30


class RetentionConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long things are kept; 0 is for ever, as daily bars are unless a limit is set. `ralph retention` removes, and
    asks for the count before it touches daily bars. scheduled: the schedule removes, too, what is no daily bar; without
    it, its runs only say what they would remove."""

    bars_years: int = 0
    minute_bars_days: int = 730
    ticks_days: int = 30
    import_runs_days: int = 365
    screen_runs_days: int = 30
    jobs_days: int = 180
    scheduled: bool = False


class BackupConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Backups while Ralph runs, where `to` names a folder or s3://bucket/prefix; by itself none.

    key_file       by itself backup.key of the home; without it no backup can be read
    every_h, log_s how often a backup is taken, and the database's log goes after it
    daily, weekly  backups kept, one a day and one a week; programs: PostgreSQL's, by itself those Ralph brings
    take           false where another process takes them, and this one only says how old they are
    """

    to: str | None = None
    key_file: Path | None = None
    every_h: float = 24.0
    log_s: float = 60.0
    daily: int = 30
    weekly: int = 12
    take: bool = True
    programs: Path | None = None


class AdjustmentConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """auto: found splits and bonus issues on which two sources agree are confirmed without asking."""

    auto: bool = False


class SignalRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What every system has: the scores from which a grade is given, and the risk of a position.

    risk_ratio      of the capital between entry and stop, for one unit; units of each grade, C has none
    position_ratio  of the capital in one position at most
    hold_sessions   a Signal is closed at the close of that Session after its fill
    positions_max   of the system with shares at once, the best first; day_stop_r, week_stop_r: once so many R (each a
                    grade A's risk) are lost, new Signals get no shares until the day, the week is over; 0: no limit
    """

    s_from: float = 80.0
    a_from: float = 70.0
    b_from: float = 60.0
    s_units: float = 1.5
    a_units: float = 1.0
    b_units: float = 0.5
    risk_ratio: float = 0.005
    position_ratio: float = 0.15
    stop_ratio: float = 0.08
    hold_sessions: int = 20
    positions_max: int = 0
    day_stop_r: float = 0.0
    week_stop_r: float = 0.0


class VcpRules(SignalRules, frozen=True, forbid_unknown_fields=True):
    """Volatility contractions: vcp_share of the score is the base's, the rest smart money's; targets in risks."""

    vcp_share: float = 0.70
    first_target_r: float = 2.0
    second_target_r: float = 3.0
    arm_sessions: int = 10


class ClosingBetRules(SignalRules, frozen=True, forbid_unknown_fields=True):
    """Closing bets: points of 12 with traded value in won and change as a ratio for each grade; and the exits."""

    s_from: float = 10.0
    a_from: float = 8.0
    b_from: float = 6.0
    stop_ratio: float = 0.03
    hold_sessions: int = 1
    positions_max: int = 2
    day_stop_r: float = 2.0
    week_stop_r: float = 4.0
    target_ratio: float = 0.05
    gap_up_ratio: float = 0.03
    gap_down_ratio: float = 0.02
    s_value: float = 1_000_000_000_000.0
    a_value: float = 500_000_000_000.0
    b_value: float = 100_000_000_000.0
    s_change_from: float = 0.10
    s_change_to: float = 0.20
    a_change_from: float = 0.08
    a_change_to: float = 0.15
    b_change_from: float = 0.05
    b_change_to: float = 0.12


class DaytradingRules(SignalRules, frozen=True, forbid_unknown_fields=True):
    """The seven checks and the scans of daily bars: in at the next open, out by its close."""

    s_from: float = 90.0
    a_from: float = 75.0
    stop_ratio: float = 0.03
    hold_sessions: int = 0
    target_ratio: float = 0.05


class ScreenRules(SignalRules, frozen=True, forbid_unknown_fields=True):
    """Saved screens whose matches become Signals: in at the next open; the target in risks."""

    target_r: float = 2.0


class CostRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of each side of a trade, ratios; the tax on a sale comes from its own dated table."""

    commission_ratio: float = 0.00015
    slippage_ratio: float = 0.001


class SignalsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rules of the systems, by their name; capital: what positions are sized for, won."""

    capital: float = 100_000_000.0
    vcp: VcpRules = VcpRules()
    closing_bet: ClosingBetRules = ClosingBetRules()
    daytrading: DaytradingRules = DaytradingRules()
    scans: DaytradingRules = DaytradingRules(s_from=80.0, a_from=70.0)
    screens: ScreenRules = ScreenRules()
    costs: CostRules = CostRules()


class JobsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Jobs in the ledger. embedded: the server works on them, too, beside any `ralph worker`.

    fast_at_once, long_at_once  jobs of a queue that one worker runs at a time
    lease_s       a worker not heard of for so long has lost its jobs; it says every heartbeat_s that it lives
    sweep_s       how often the ledger is looked at though nobody rang
    attempts_max  then a job is dead; grace_s: how long running jobs may go on when the process is told to stop
    outage_s      for so long attempts that end because Postgres or Redis is away do not count, one after the other
    """

    embedded: bool = True
    fast_at_once: int = 32
    long_at_once: int = 2
    lease_s: float = 15.0
    heartbeat_s: float = 5.0
    sweep_s: float = 2.0
    attempts_max: int = 5
    grace_s: float = 6.0
    outage_s: float = 3_600.0


class ScheduleConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When things run by themselves: minutes after the close, cron's five fields in Seoul's time, or `off`. The symbol
    master and corrections on Sessions only."""

    symbol_master: str = "0 8 * * *"
    end_of_day: str = "30 minutes after the close"
    corrections: str = "10 20 * * *"
    retention: str = "30 4 * * *"


class LiveConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The live market. enabled: the simulated market plays its next Session, again and again, speed times as fast as
    the clock; record: what it sends is stored; a feed is silent when nothing came for silent_s."""

    enabled: bool = True
    speed: float = 60.0
    record: bool = True
    silent_s: float = 60.0


class StreamConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Live connections (`/ws`): how many there may be, how often each is pinged and has so long to answer, and how long
    a reader may take nothing before it is closed. Seconds."""

    connections_max: int = 12_000
    ping_s: float = 20.0
    slow_s: float = 30.0
