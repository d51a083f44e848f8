"""The laws of what is fuzzed, on texts close to good ones; and some seconds of fuzzing where atheris is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .seeds import seeds
from .targets import TARGETS

ROOT = Path(__file__).parents[2]
FOUND = sorted((ROOT / "tests" / "fuzz" / "found").iterdir())
SLOW = os.environ.get("SQLFLOW_SLOW") == "1"
#: What texts are cut up with: what means something somewhere.
SHARP = [
    "${", "}", "$$", "'", '"', "`", "|", ">", "#", ":", ": ", "- ", "\n", "\n  ", "\t", "\r", "\r\n", "\0", "\ufeff",
    "&a ", "*a", "!!x ", "---\n", "{", "[", "]", ",", "--", "/*", ";", "(", ")", "$1", "?", "\u2028", "\U0001f600",
    "e\u0301", "\x85", "1e999", "-" * 40, "(" * 40, "[" * 40, "0x", "9" * 500,
]  # fmt: skip


@st.composite
def texts(draw: st.DrawFn, target: str) -> str:
    """Make a text: a good one that is cut, doubled or mixed with what is sharp, or anything at all."""
    if draw(st.integers(0, 5)) == 0:
        return draw(st.text(max_size=80))
    text = draw(st.sampled_from(seeds(target)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 30)))
        new = draw(st.one_of(st.sampled_from(SHARP), st.text(max_size=3), st.just(text[start:end] * 2), st.just("")))
        text = text[:start] + new + text[end:]
    return text


@pytest.mark.parametrize("find", FOUND, ids=lambda find: find.name)
def test_what_was_found_is_mended(find: Path) -> None:
    """Each text that once broke a law, named by its target, breaks it no more."""
    TARGETS[find.name.partition("-")[0]](find.read_bytes().decode("utf-8", "ignore"))


@pytest.mark.parametrize("name", TARGETS)
def test_no_text_breaks_a_law(name: str) -> None:
    """Whatever is done to a text, it is read or refused in words, at a place that is there."""
    few = 25 if name == "document" else 100

    @settings(max_examples=few * 40 if SLOW else few, derandomize=not SLOW, suppress_health_check=list(HealthCheck))
    @given(texts(name))
    def holds(text: str) -> None:
        TARGETS[name](text)

    holds()


@pytest.mark.skipif(find_spec("atheris") is None, reason='needs atheris: pip install -e ".[fuzz]"')
@pytest.mark.parametrize("name", [name for name in TARGETS if name != "document"])
def test_a_few_seconds_of_fuzzing_find_nothing(name: str, tmp_path: Path) -> None:
    """The fuzzer, which looks for texts that take new ways, finds none that breaks a law."""
    made, told = tmp_path / "corpus", tmp_path / "found"
    made.mkdir()
    told.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", name, "60" if SLOW else "2", f"-artifact_prefix={told}/"],
        cwd=ROOT, env={**os.environ, "TMPDIR": str(made)}, capture_output=True, text=True, errors="replace",
        check=False,
    )  # fmt: skip
    found = [path.read_bytes() for path in told.iterdir()]
    assert done.returncode == 0, f"{found}\n{done.stderr[-3000:]}"
