"""A store that speaks S3, with one Parquet object in it. Prints where it listens and runs until its input ends."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import boto3
import duckdb
from moto.server import ThreadedMotoServer

GROUP_ROWS = 20_480
QUERY = (
    "SELECT range AS id, TIMESTAMP '2024-01-01' + to_seconds(range) AS at, sha256(range::VARCHAR) AS t FROM range({})"
)


def main(groups: int, wanted: int) -> None:
    """Serve an object of so many row groups, of which the last few will be wanted."""
    rows = groups * GROUP_ROWS
    first = rows - wanted * GROUP_ROWS
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "events.parquet")
        duckdb.execute(
            f"COPY ({QUERY.format(rows)}) TO '{file}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {GROUP_ROWS})"
        )
        sums = "SELECT sum(total_compressed_size) FILTER (row_group_id >= {}) FROM parquet_metadata('{}')"
        needed = duckdb.execute(sums.format(groups - wanted, file)).fetchall()[0][0]
        one = duckdb.execute(sums.format(groups - wanted, file) + " WHERE path_in_schema = 'id'").fetchall()[0][0]
        body = file.read_bytes()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "y", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=f"http://{host}:{port}", **keys)
    client.create_bucket(Bucket="lake")
    client.put_object(Bucket="lake", Key="events.parquet", Body=body)
    told = {"port": port, "size": len(body), "first": first, "needed": int(needed), "one": int(one)}
    print(json.dumps(told), flush=True)
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
