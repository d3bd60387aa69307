"""Spans and metrics as OTLP requests (protobuf), under the dotted names of the semantic conventions."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable, Mapping, Sequence

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2 as wire
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.samples import Sample

from ralph.telemetry.tracing import Span

CUMULATIVE = wire.AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
DOTTED = ("http_server_", "db_client_", "messaging_")
"""Families whose names and labels follow the conventions, in which `.` separates and the unit is no part of a name."""

KEPT_TOGETHER = {
    "status.code": "status_code",
    "active.requests": "active_requests",
    "wait.time": "wait_time",
}
UNITS = {"_seconds": "s", "_bytes": "By", "_ratio": "1"}
_KINDS = {
    "internal": trace_pb2.Span.SPAN_KIND_INTERNAL,
    "server": trace_pb2.Span.SPAN_KIND_SERVER,
    "client": trace_pb2.Span.SPAN_KIND_CLIENT,
    "producer": trace_pb2.Span.SPAN_KIND_PRODUCER,
    "consumer": trace_pb2.Span.SPAN_KIND_CONSUMER,
}


def resource(version: str) -> Resource:
    """Who speaks: this process."""
    about = {
        "service.name": "ralph",
        "service.version": version,
        "service.instance.id": f"{socket.gethostname()}/{os.getpid()}",
    }
    return Resource(attributes=_attributes(about))


def trace_request(owner: Resource, traces: Iterable[tuple[str, Sequence[Span]]]) -> bytes:
    """An ExportTraceServiceRequest of (trace id, its spans)."""
    spans = [_span(bytes.fromhex(trace_id), span) for trace_id, spans in traces for span in spans]
    scoped = trace_pb2.ScopeSpans(scope=InstrumentationScope(name="ralph"), spans=spans)
    request = ExportTraceServiceRequest(resource_spans=[trace_pb2.ResourceSpans(resource=owner, scope_spans=[scoped])])
    return bytes(request.SerializeToString())


def metrics_request(owner: Resource, registry: CollectorRegistry, started_at: int) -> tuple[bytes, int]:
    """An ExportMetricsServiceRequest of all metrics, and the number of its points. started_at: since when counters
    count, UTC nanoseconds."""
    now = time.time_ns()
    metrics = [made for family in registry.collect() if (made := _metric(family, started_at, now)) is not None]
    scoped = wire.ScopeMetrics(scope=InstrumentationScope(name="ralph"), metrics=metrics)
    request = ExportMetricsServiceRequest(
        resource_metrics=[wire.ResourceMetrics(resource=owner, scope_metrics=[scoped])]
    )
    points = sum(len(metric.ListFields()[-1][1].data_points) for metric in metrics)
    return bytes(request.SerializeToString()), points


def _span(trace_id: bytes, span: Span) -> trace_pb2.Span:
    status = trace_pb2.Status()
    attributes = dict(span.attributes)
    if span.error is not None:
        status = trace_pb2.Status(code=trace_pb2.Status.STATUS_CODE_ERROR, message=span.error)
        attributes["error.type"] = span.error
    return trace_pb2.Span(
        trace_id=trace_id,
        span_id=bytes.fromhex(span.span_id),
        parent_span_id=bytes.fromhex(span.parent_id or ""),
        name=span.name,
        kind=_KINDS[span.kind],
        start_time_unix_nano=span.began_at,
        end_time_unix_nano=span.ended_at,
        attributes=_attributes(attributes),
        status=status,
    )


def _attributes(values: Mapping[str, str | int | float]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in values.items()]


def _value(value: str | float) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    return AnyValue(int_value=value) if isinstance(value, int) else AnyValue(double_value=value)


def _metric(family: Family, started_at: int, now: int) -> wire.Metric | None:
    """None for a family without series."""
    name, unit = _named(family.name)
    metric = wire.Metric(name=name, description=family.documentation, unit=unit)
    dotted = name != family.name
    if family.type == "histogram":
        points = _histogram_points(family.samples, started_at, now, dotted=dotted)
        metric.histogram.CopyFrom(wire.Histogram(data_points=points, aggregation_temporality=CUMULATIVE))
        return metric if points else None
    numbers = [
        wire.NumberDataPoint(
            attributes=_labels(sample.labels, dotted=dotted),
            start_time_unix_nano=started_at if family.type == "counter" else 0,
            time_unix_nano=now,
            as_double=sample.value,
        )
        for sample in family.samples
        if not sample.name.endswith("_created")
    ]
    if family.type == "counter":
        metric.sum.CopyFrom(wire.Sum(data_points=numbers, aggregation_temporality=CUMULATIVE, is_monotonic=True))
    else:
        metric.gauge.CopyFrom(wire.Gauge(data_points=numbers))
    return metric if numbers else None


def _histogram_points(
    samples: Iterable[Sample], started_at: int, now: int, *, dotted: bool
) -> list[wire.HistogramDataPoint]:
    """Buckets come cumulative and in order, those of a series together; points hold what lies in each alone."""
    points: dict[tuple[tuple[str, str], ...], wire.HistogramDataPoint] = {}
    reached: dict[tuple[tuple[str, str], ...], float] = {}
    for sample in samples:
        own = {key: value for key, value in sample.labels.items() if key != "le"}
        series = tuple(sorted(own.items()))
        point = points.setdefault(
            series,
            wire.HistogramDataPoint(
                attributes=_labels(own, dotted=dotted), start_time_unix_nano=started_at, time_unix_nano=now
            ),
        )
        if sample.name.endswith("_bucket"):
            point.bucket_counts.append(int(sample.value - reached.get(series, 0.0)))
            reached[series] = sample.value
            if sample.labels["le"] != "+Inf":
                point.explicit_bounds.append(float(sample.labels["le"]))
        elif sample.name.endswith("_count"):
            point.count = int(sample.value)
        elif sample.name.endswith("_sum"):
            point.sum = sample.value
    return list(points.values())


def _named(name: str) -> tuple[str, str]:
    unit = ""
    for ending, known in UNITS.items():
        if name.endswith(ending):
            unit = known
            if name.startswith(DOTTED):
                name = name.removesuffix(ending)
    return (_dots(name), unit) if name.startswith(DOTTED) else (name, unit)


def _labels(labels: Mapping[str, str], *, dotted: bool) -> list[KeyValue]:
    return _attributes({_dots(key) if dotted else key: value for key, value in labels.items()})


def _dots(name: str) -> str:
    name = name.replace("_", ".")
    for parted, together in KEPT_TOGETHER.items():
        name = name.replace(parted, together)
    return name
