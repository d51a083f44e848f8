"""What a document may say of a connection's resilience, and what it is told while it is planned."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqlflow.pipeline import Pipeline

from .lines import catalog

HEAD = "version: 1\nname: p\nconnections:\n  c: {{connector: lines, port: 1{0}}}\nsteps:\n  - {1}\n"
LOAD = "{id: a, type: load, source: {connection: c}, target: t}"


def told(tmp_path: Path, settings: str, step: str = LOAD) -> list[tuple[str, str]]:
    """Return the problems of a document."""
    file = tmp_path / "p.yaml"
    file.write_text(HEAD.format(settings and f", {settings}", step))
    return [(problem.severity, str(problem)) for problem in Pipeline(file, catalog()).validate()]


@pytest.mark.parametrize(
    "settings",
    [
        "retry: {attempts: 4, delay: 1s, max_delay: 10s}",
        "timeout: 30s",
        "rate_limit: 0.5",
        "rate_limit: {requests: 100, per: 1m}",
        "circuit_breaker: {}",
        "max_connections: 2",
    ],
)
def test_what_may_be_said(tmp_path: Path, settings: str) -> None:
    """Every key is taken by every connector, in its short and its long form, without a word."""
    assert told(tmp_path, settings) == []


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        ("retry: {attempts: 1, delay: 1s}", "SF316", "delay under retry of connection 'c' has no effect"),
        ("retry: {backoff: constant, max_delay: 1m}", "SF316", "max_delay under retry of connection 'c' has no effect"),
        ("retry: {delay: 1m, max_delay: 1s}", "SF316", "cannot be kept: the first wait is 1m already"),
        ("retry: {attempts: 0}", "SF203", "attempts"),
        ("timeout: 0s", "SF203", "a timeout of zero would let nothing run"),
        ("rate_limit: 0", "SF203", "a rate_limit of nothing would let nothing run"),
        ("rate_limit: {requests: 1, per: 0s}", "SF203", "would let nothing run"),
        ("max_connections: 0", "SF203", "max_connections"),
        ("circuit_braker: {}", "SF201", "circuit_breaker"),
    ],
)
def test_what_is_refused(tmp_path: Path, settings: str, code: str, words: str) -> None:
    """What cannot be kept, has no effect or is misspelt is one error, with its code, at its place."""
    ((severity, text),) = told(tmp_path, settings)
    assert severity == "error"
    assert code in text
    assert words in text + str(Pipeline(tmp_path / "p.yaml", catalog()).validate()[0].hint)
    assert ":4:" in text


def test_a_step_does_not_take_them(tmp_path: Path) -> None:
    """Beside a source they stand in the wrong place, and the hint says where they belong."""
    ((_, text),) = told(tmp_path, "", LOAD.replace("connection: c", "connection: c, retry: {attempts: 2}"))
    assert "SF315 retry of source of step 'a': only a named connection has it" in text


def test_a_timeout_that_never_comes_to_pass_is_warned_of(tmp_path: Path) -> None:
    """A step that ends before its connection's timeout makes that one idle; other steps may need it."""
    ((severity, text),) = told(tmp_path, "timeout: 1m", LOAD.replace("target: t", "target: t, timeout: 10s"))
    assert severity == "warning"
    assert "timeout of connection 'c', 1m, has no effect in step 'a', which ends after 10s" in text


def test_local_files_have_none_of_it(tmp_path: Path) -> None:
    """The engine reads local files itself, so there is no call that anything could be done to."""
    file = tmp_path / "p.yaml"
    (tmp_path / "a.csv").write_text("n\n1\n")
    file.write_text(
        "version: 1\nname: p\nconnections:\n  c: {connector: csv, timeout: 1s, max_connections: 2}\nsteps:\n"
        "  - {id: a, type: load, source: {connection: c, path: a.csv}, target: t}\n"
    )
    assert [problem.code for problem in Pipeline(file).validate()] == ["SF316", "SF316"]
