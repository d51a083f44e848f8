"""The result of a run: how it ended, what each step did, and the tables it left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from msgspec import Struct

from sqlflow.errors import SQLFlowError
from sqlflow.plan import Plan
from sqlflow.run import RunRecord, StepRecord, open_session
from sqlflow.sdk import RunStatus, Session, quote_name

if TYPE_CHECKING:
    from types import TracebackType

    import pandas as pd
    import polars as pl
    import pyarrow as pa


class RunResult(Struct):
    """How a run ended. A context manager: a warehouse in memory lives until it is closed."""

    plan: Plan
    record: RunRecord
    notices: tuple[str, ...] = ()
    session: Session | None = None
    _closed: bool = False

    @property
    def status(self) -> RunStatus:
        """`succeeded`, `failed` or `cancelled`."""
        return self.record.status

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self.record.run_id

    @property
    def steps(self) -> list[StepRecord]:
        """What became of each step, in the order of the plan."""
        return self.record.steps

    def table(self, name: str) -> pa.Table:
        """Return a table of the warehouse as Arrow."""
        return self.query(f"SELECT * FROM {quote_name(name)}")

    def query(self, sql: str) -> pa.Table:
        """Return the rows of a query as Arrow. A file is opened read-only for the call, and nobody is locked out."""
        if self.session is not None:
            return self.session.arrow(sql)
        if self._closed:
            raise SQLFlowError(
                "the result is closed, and its warehouse was in memory", hint="read tables inside the with block"
            )
        session = open_session(self.plan, read_only=True)
        try:
            return session.arrow(sql)
        finally:
            session.close()

    def to_pandas(self, name: str) -> pd.DataFrame:
        """Return a table as a pandas data frame; pandas must be installed."""
        return self.table(name).to_pandas()

    def to_polars(self, name: str) -> pl.DataFrame:
        """Return a table as a polars data frame; polars must be installed."""
        import polars as pl

        frame = pl.from_arrow(self.table(name))
        if not isinstance(frame, pl.DataFrame):  # a table of Arrow is a frame; a column alone would be a series
            frame = frame.to_frame()
        return frame

    def close(self) -> None:
        """Let go of a warehouse in memory. A file needs no closing."""
        if self.session is not None:
            self.session.close()
            self.session = None
            self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def __repr__(self) -> str:
        done = sum(step.status == "succeeded" for step in self.steps)
        return f"<RunResult {self.plan.pipeline} {self.status}: {done} of {len(self.steps)} steps>"

    def _repr_html_(self) -> str:
        """Show the run as a table in a notebook."""
        from html import escape

        rows = "".join(_html_row(step) for step in self.steps)
        head = "".join(f"<th>{name}</th>" for name in ("step", "type", "status", "rows", "ms", ""))
        title = f"{self.plan.pipeline}: {self.status} in {self.record.duration_ms:.0f} ms"
        return f"<table><caption>{escape(title)}</caption><tr>{head}</tr>{rows}</table>"


def _html_row(step: StepRecord) -> str:
    from html import escape

    written: Any = step.rows.inserted if step.rows.inserted is not None else ""
    note = step.reason or "; ".join(step.warnings)
    cells = (step.id, step.type, step.status, written, f"{step.duration_ms:.0f}", note)
    return "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells) + "</tr>"
