"""The example over this connector, run on a real server."""

from pathlib import Path

from psycopg.conninfo import make_conninfo

from tests.examples import SPECS, prove


def test_a_shop_becomes_parquet_files(db, tmp_path):
    """Tables of the server come over, an increment included, and what is written to both sides is what it says."""
    addresses = {
        "SHOP_DSN": make_conninfo("", dbname=db.name, **{k: v for k, v in db.config.items() if k != "database"})
    }

    def arrive(folder: Path) -> None:
        db.run((folder / "shop.sql").read_text(encoding="utf-8"))

    folder = prove(SPECS / "11-postgres-to-parquet", tmp_path, addresses, arrive)
    assert sorted(path.name for path in (folder / "out" / "sold").iterdir()) == [
        "month=2025-03",
        "month=2025-04",
        "month=2025-05",
    ]
    written = db.run("select count(distinct xmin::text) from reports.months")
    assert written == [(2,)], "months that had not changed were written again"
