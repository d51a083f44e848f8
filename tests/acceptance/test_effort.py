"""What a project holds once is looked at once, however many documents there are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sqlflow.cli.main import main

SPEC = """\
version: 1
name: p{0}
steps:
  - {{id: a, type: transform, target: "marts.t{0}", sql: select 1 as n}}
"""


def searches(folder: Path, count: int, words: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """Return how often a folder is searched when a verb looks at so many documents."""
    (folder / "specs").mkdir(parents=True)
    (folder / "sqlflow.yaml").write_text("version: 1\nname: shop\nspecs: [specs/*.yaml]\n")
    for number in range(count):
        (folder / "specs" / f"p{number}.yaml").write_text(SPEC.format(number))
    seen = 0
    search = Path.glob

    def counted(path: Path, pattern: str, **options: Any) -> Iterator[Path]:
        nonlocal seen
        seen += 1
        return search(path, pattern, **options)

    with monkeypatch.context() as patched:
        patched.chdir(folder)
        patched.setenv("SQLFLOW_CACHE", str(folder / "cache"))
        patched.setattr(Path, "glob", counted)
        patched.setattr("sys.argv", ["sqlflow", *words])
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == 0
    return seen


@pytest.mark.parametrize(
    "words", [["validate"], ["validate", "--no-cache"], ["validate", "--state"], ["lint"]], ids=" ".join
)
def test_the_project_is_searched_once(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty documents cost no more looks into folders than three."""
    few = searches(tmp_path / "few", 3, words, monkeypatch)
    many = searches(tmp_path / "many", 20, words, monkeypatch)
    assert 0 < many <= few
