"""What fuzzing starts from: the examples, the broken documents, and the pieces of which they are made."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[2]


def seeds(target: str) -> list[str]:
    """Return texts that a target knows, the small ones first."""
    files = [*ROOT.glob("specs/**/*.yaml"), *ROOT.glob("tests/acceptance/bad/*.yaml")]
    documents = [path.read_bytes().decode("utf-8", "ignore") for path in sorted(files)]
    whole = "\n".join(documents)
    blocks = [dedent(block) for block in re.findall(r"sql: \|\n((?: {6,}.*\n|\n)+)", whole)]
    found = {
        "interpolation": re.findall(r'["\']?[^\s"\']*\$\$?\{[^}\n]*\}?[^\s"\']*', whole),
        "sql": [*re.findall(r"(?:sql|expression|when|where): (\S[^|>\n]*)", whole), *blocks],
        "durations": [*re.findall(r"\b\d+ ?(?:ms|s|m|h|d|w|days?|hours?)\b", whole), "1h30m", "P1D", "1e9d"],
        "values": [*re.findall(r"(?:default|vars): (\S+)", whole), "2024-01-31T12:00:00", "[a, b]", "1e400", "0x1f"],
        "columns": [*re.findall(r'"(decimal\([^"]*)"', whole), "struct(a int)[]", 'map("a b", int)', "bigint not null"],
    }.get(target, documents)
    return sorted(set(found), key=lambda text: (len(text), text))
