"""The README says what is."""

from __future__ import annotations

import re
from pathlib import Path

from sqlflow_s3.config import S3Config, S3Read, S3Write

from sqlflow.pipeline import Pipeline

README = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")


def test_documents_are_valid(tmp_path):
    """Every document of the README is one without a problem."""
    for number, text in enumerate(re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)):
        file = tmp_path / f"{number}.yaml"
        file.write_text(text)
        assert [p for p in Pipeline.from_file(file).validate() if p.severity == "error"] == []


def test_options_exist():
    """Every option that the README names is one of the models."""
    known = {*S3Config.model_fields, *S3Read.model_fields, *S3Write.model_fields}
    for name in ("profile", "access_key_id", "secret_access_key", "anonymous", "assume_role", "endpoint", "path_style",
                 "partition_by", "max_rows_per_file", "hive_partitioning"):  # fmt: skip
        assert f"{name}" in README
        assert name in known
