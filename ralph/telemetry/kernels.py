"""The one kernel thread: what runs on it is timed, how long it waited, and both stand in the trace of who asked."""

from __future__ import annotations

import contextvars
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from ralph.telemetry.metrics import Metrics
from ralph.telemetry.tracing import current_trace

Result = TypeVar("Result")
Args = ParamSpec("Args")

KERNELS = "kernels"
"""The name of the thread."""


class KernelThread(ThreadPoolExecutor):
    """An executor of one thread. Work on it sees the context of who asked, so that its log lines carry their ids."""

    def __init__(self, metrics: Metrics | None = None) -> None:
        super().__init__(max_workers=1, thread_name_prefix=KERNELS)
        self._metrics = metrics

    def submit(self, fn: Callable[Args, Result], /, *args: Args.args, **kwargs: Args.kwargs) -> Future[Result]:
        """As of any executor; the name of `fn` is what the work is called."""
        asked = time.perf_counter_ns()
        context = contextvars.copy_context()
        name = getattr(fn, "__name__", "work").lstrip("_")

        def work() -> Result:
            began = time.perf_counter_ns()
            error = None
            try:
                return context.run(fn, *args, **kwargs)
            except BaseException as raised:
                error = type(raised).__name__
                raise
            finally:
                self._told(name, context, (asked, began, time.perf_counter_ns()), error)

        return super().submit(work)

    def _told(self, name: str, context: contextvars.Context, moments: tuple[int, int, int], error: str | None) -> None:
        asked, began, ended = moments
        if self._metrics is not None:
            self._metrics.kernel_wait.observe((began - asked) / 1e9)
            self._metrics.kernel_seconds.labels(name).observe((ended - began) / 1e9)
        trace = context.get(current_trace)
        if trace is not None:
            waited = {"ralph.kernel.wait_ms": round((began - asked) / 1e6, 3)}
            trace.add(f"kernel {name}", "internal", (began, ended), dict(waited), error)
