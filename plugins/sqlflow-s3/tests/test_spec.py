"""The example over this connector, run on a real server that checks signatures."""

from pathlib import Path

from tests.examples import SPECS, prove


def test_a_lake_becomes_marts(strict, tmp_path):
    """Partitions and dropped files of a bucket come over once, and the marts in the bucket are what they say."""
    owner = strict.users["owner"]
    addresses = {"LAKE_BUCKET": strict.bucket, "LAKE_ENDPOINT": strict.endpoint}
    keys = {"LAKE_KEY": owner["access_key_id"], "LAKE_SECRET": owner["secret_access_key"]}

    first: dict[str, bytes] = {}

    def arrive(folder: Path) -> None:
        first.update(strict.contents() if folder.name == "later" else {})
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            strict.put(file.relative_to(folder).as_posix(), file.read_bytes())

    prove(SPECS / "12-s3-lake", tmp_path, addresses | keys, arrive)
    stays = {key for key, body in strict.contents().items() if "marts/days/day=2025" in key and first.get(key) == body}
    assert {key.split("/")[2] for key in stays} == {"day=2025-06-01"}, "a day that had not changed was written again"
