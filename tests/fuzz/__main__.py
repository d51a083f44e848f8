"""Fuzz one target for a while: `python -m tests.fuzz sql 600`. What is found is left in a file that the end names.

Needs atheris: `pip install -e ".[fuzz]"`. Further arguments go to libFuzzer.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["sqlflow"]):
    from tests.fuzz.seeds import seeds
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Write the seeds down and let the fuzzer go on from them."""
    name, seconds, *more = sys.argv[1:]
    judge = TARGETS[name]
    corpus = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}"))
    for number, text in enumerate(seeds(name)):
        (corpus / f"{number:04d}").write_text(text, encoding="utf-8")

    def one(data: bytes) -> None:
        judge(data.decode("utf-8", "ignore"))

    limits = [f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=3000", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], str(corpus), *limits, *more], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
