"""Spans: run > step > attempt > stage, check, publish. The only file that knows OpenTelemetry.

Nothing is imported or sent unless the standard `OTEL_*` variables ask for it.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import Any, ClassVar

from sqlflow.plan import Plan
from sqlflow.sdk import (
    Event,
    Observer,
    RunFinished,
    RunStarted,
    Session,
    StepFinished,
    StepRetried,
    StepStarted,
)

_ASKING = ("OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


class Tracing:
    """What watches a run. This one watches nothing: nobody asked for it."""

    observers: tuple[tuple[str, Observer], ...] = ()

    def wrap(self, session: Session) -> Session:
        """Return the session as it is."""
        return session


@contextlib.contextmanager
def tracing(plan: Plan) -> Iterator[Tracing]:
    """Yield what watches the run: its observers, and the wrapper around sessions."""
    asked = any(os.environ.get(name) for name in _ASKING) and os.environ.get("OTEL_SDK_DISABLED", "").lower() != "true"
    exporter = _exporter() if asked else None
    if exporter is None:
        yield Tracing()
        return
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = os.environ.get("OTEL_SERVICE_NAME", "sqlflow")
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    try:
        yield Tracer(provider.get_tracer("sqlflow"), plan)
    finally:
        provider.shutdown()


def _exporter() -> Any:
    """Return the exporter that the environment names; one that is not installed is an error told at once."""
    from sqlflow.errors import PluginBroken

    name = os.environ.get("OTEL_TRACES_EXPORTER", "otlp")
    if name == "none":
        return None
    if name == "console":
        import sys

        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        return ConsoleSpanExporter(out=sys.stderr)
    from importlib.metadata import entry_points

    wanted = (
        "otlp_proto_http"
        if name == "otlp" and "grpc" not in os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "")
        else name
    )
    for candidate in (wanted, name, "otlp_proto_grpc"):
        for entry in entry_points(group="opentelemetry_traces_exporter", name=candidate):
            return entry.load()()
    raise PluginBroken(
        f"OTEL_TRACES_EXPORTER asks for {name!r}, which is not installed",
        hint="pip install opentelemetry-exporter-otlp, or set OTEL_TRACES_EXPORTER=none",
    )


class Tracer(Tracing):
    """An observer that opens and closes spans as steps begin and end."""

    def __init__(self, tracer: Any, plan: Plan) -> None:
        self.tracer = tracer
        self.plan = plan
        self.run: Any = None
        self.steps: dict[str, Any] = {}
        self.attempts: dict[str, Any] = {}
        self.observers: tuple[tuple[str, Observer], ...] = (("telemetry", self),)

    def observe(self, event: Event) -> None:
        """Follow one event."""
        if isinstance(event, RunStarted):
            self.run = self.tracer.start_span(
                f"run {event.pipeline}",
                attributes={"sqlflow.run_id": event.run_id, "sqlflow.profile": event.profile or ""},
            )
        elif isinstance(event, StepStarted):
            if event.step not in self.steps:
                self.steps[event.step] = self._child(f"step {event.step}", self.run, {"sqlflow.step.type": event.type})
            self.attempts[event.step] = self._child(f"attempt {event.attempt}", self.steps[event.step], {})
        elif isinstance(event, StepRetried):
            self._end(self.attempts.pop(event.step, None), error=event.error)
        elif isinstance(event, StepFinished):
            error = event.reason if event.state == "failed" else None
            self._end(self.attempts.pop(event.step, None), error=error)
            span = self.steps.pop(event.step, None)
            if span is not None:
                for name in ("read", "inserted", "updated", "deleted"):
                    if (count := getattr(event.rows, name)) is not None:
                        span.set_attribute(f"sqlflow.rows.{name}", count)
            self._end(span, error=error)
        elif isinstance(event, RunFinished):
            self._end(self.run, error=None if event.status == "succeeded" else event.status)

    def wrap(self, session: Session) -> Session:
        """Return a session whose work shows as spans below the attempt."""
        return TracedSession(session, self)

    def _child(self, name: str, parent: Any, attributes: dict[str, Any]) -> Any:
        from opentelemetry.trace import set_span_in_context

        return self.tracer.start_span(name, context=set_span_in_context(parent), attributes=attributes)

    def _end(self, span: Any, *, error: str | None = None) -> None:
        if span is None:
            return
        if error is not None:
            from opentelemetry.trace import Status, StatusCode

            span.set_status(Status(StatusCode.ERROR, error))
        span.end()


class TracedSession:
    """A session that says what it does. Everything else is passed on."""

    _SHOWN: ClassVar[dict[str, str]] = {
        "stage": "read",
        "check": "query",
        "publish": "write",
        "rows": "read",
        "fetch": "query",
        "arrow": "query",
    }

    def __init__(self, session: Session, tracer: Tracer) -> None:
        self._session = session
        self._tracer = tracer
        self._thread = threading.get_ident()

    def fork(self) -> TracedSession:
        """Open another traced connection."""
        return TracedSession(self._session.fork(), self._tracer)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._session, name)
        kind = self._SHOWN.get(name)
        if kind is None:
            return found

        def traced(*args: Any, **kwargs: Any) -> Any:
            parent = self._parent(args, kwargs)
            attributes = {"db.system.name": self._session.dialect, "db.operation.name": name}
            span = self._tracer._child(kind, parent or self._tracer.run, attributes)  # noqa: SLF001 - one room
            try:
                result = found(*args, **kwargs)
            except Exception as error:
                self._tracer._end(span, error=self._tracer.plan.redactor.text(str(error)))  # noqa: SLF001
                raise
            self._tracer._end(span)  # noqa: SLF001
            return result

        return traced

    def _parent(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Find the attempt that this call belongs to, by the token that it carries."""
        for value in (*args, *kwargs.values()):
            token = getattr(value, "token", value)
            step = getattr(token, "step", None)
            if step in self._tracer.attempts:
                return self._tracer.attempts[step]
        return None
