"""What Ralph tells of itself: metrics, traces and JSON logs, cheap enough to be on always.

metrics   everything counted, in one registry; Prometheus' text
tracing   spans of requests and jobs, kept or forgotten when their root ends
redaction secrets out of whatever is logged
logs      one line a record, with the ids of request and trace
observer  the ASGI middleware around all requests
kernels   the one kernel thread, timed
pressure  how late the event loop is, and what a container may use
recent    the last minutes as rates, for the dashboard
export    traces and metrics to a collector (OTLP), never in anybody's way
otlp      their protobuf
instruments  all of it for one process, as the configuration asks
"""

from ralph.telemetry.instruments import Instruments
from ralph.telemetry.kernels import KERNELS, KernelThread
from ralph.telemetry.logs import configure_logs, log_rules
from ralph.telemetry.metrics import Metrics
from ralph.telemetry.observer import WHOLE, AsgiApp, Observer, Receive, Scope, Send
from ralph.telemetry.tracing import Span, Trace, Tracer, current_trace, request_id, spanned

__all__ = [
    "KERNELS",
    "WHOLE",
    "AsgiApp",
    "Instruments",
    "KernelThread",
    "Metrics",
    "Observer",
    "Receive",
    "Scope",
    "Send",
    "Span",
    "Trace",
    "Tracer",
    "configure_logs",
    "current_trace",
    "log_rules",
    "request_id",
    "spanned",
]
