"""The shape of `run.json`, for those who read it. Knows the record's keys and nothing of how it is made."""

from __future__ import annotations

from typing import Any

_COUNTS = ("read", "inserted", "updated", "deleted", "quarantined")


def record_schema() -> dict[str, Any]:
    """Return the JSON Schema of `run.json`, but for its dialect."""
    text, number, maybe_text = {"type": "string"}, {"type": "number"}, {"type": ["string", "null"]}
    count = {"type": ["integer", "null"]}
    states = ["pending", "running", "succeeded", "failed", "skipped", "cancelled"]
    step = {
        "type": "object",
        "required": ["id", "type", "status", "reason", "attempts", "rows"],
        "properties": {
            "id": text, "type": text, "status": {"enum": states}, "reason": maybe_text, "attempts": {"type": "integer"},
            "rows": {"type": "object", "properties": dict.fromkeys(_COUNTS, count)},
            "started_at": maybe_text, "duration_ms": number, "cpu_ms": number, "bytes": count,
            "reads": {"type": "array", "items": text}, "writes": {"type": "array", "items": text},
            "outputs": {"type": "array", "items": text}, "schema": {"type": ["array", "null"]},
            "checks": {"type": "array"}, "warnings": {"type": "array", "items": text},
            "error": {"type": ["object", "null"]},
        },
    }  # fmt: skip
    required = [
        "run_id",
        "pipeline",
        "profile",
        "status",
        "started_at",
        "finished_at",
        "duration_ms",
        "steps",
    ]
    return {
        "title": "SQLFlow run record",
        "type": "object",
        "required": required,
        "properties": {
            "run_id": text, "pipeline": text, "profile": maybe_text,
            "status": {"enum": ["running", "succeeded", "failed", "cancelled"]}, "started_at": text,
            "finished_at": maybe_text, "duration_ms": number, "steps": {"type": "array", "items": step},
            "file": text, "variables": {"type": "object"}, "cpu_ms": number, "peak_memory_bytes": {"type": "integer"},
            "sqlflow_version": text, "asked": {"type": "object"}, "resumed": {"type": "integer"},
            "pid": {"type": "integer"}, "host": text,
        },
    }  # fmt: skip
