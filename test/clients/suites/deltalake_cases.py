"""
What deltalake's users do. A commit of a Delta table is a PUT of the next log entry under `If-None-Match: *`: two writers
may never both win. Run as: python deltalake_cases.py CASE.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

import boto3
import pyarrow as pa
from botocore.config import Config
from deltalake import DeltaTable, write_deltalake

BUCKET = os.environ["CASE_BUCKET"]
URI = f"s3://{BUCKET}/lake/table"
OPTIONS = {
    "AWS_ENDPOINT_URL": os.environ["CASE_ENDPOINT"],
    "AWS_ALLOW_HTTP": "true",
    "aws_conditional_put": "etag",
    "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "false",
}


def rows(start, count):
    ids = range(start, start + count)
    return pa.table({"id": pa.array(ids, pa.int64()), "day": [i % 3 for i in ids], "text": [f"row {i}" for i in ids]})


def ids(table):
    return sorted(table.to_pyarrow_table(columns=["id"])["id"].to_pylist())


def load():
    return DeltaTable(URI, storage_options=OPTIONS)


def create_and_append():
    boto3.client("s3", config=Config(s3={"addressing_style": "path"})).create_bucket(Bucket=BUCKET)
    write_deltalake(URI, rows(0, 50_000), partition_by=["day"], storage_options=OPTIONS)
    write_deltalake(URI, rows(50_000, 50_000), mode="append", storage_options=OPTIONS)
    assert ids(load()) == list(range(100_000))


def concurrent_writers_all_land():
    def append(number):
        write_deltalake(URI, rows(1_000_000 + number * 10, 10), mode="append", storage_options=OPTIONS)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(append, range(12)))
    table = load()
    assert table.version() == 13, table.version()
    assert ids(table) == [*range(100_000), *range(1_000_000, 1_000_120)]


def merge_delete_and_time_travel():
    table = load()
    table.delete("id >= 1000000")
    assert ids(load()) == list(range(100_000))
    changed = pa.table({"id": pa.array([5, 200_000], pa.int64()), "day": [2, 2], "text": ["changed", "new"]})
    merge = load().merge(changed, "t.id = s.id", source_alias="s", target_alias="t")
    merge.when_matched_update_all().when_not_matched_insert_all().execute()
    assert ids(load()) == [*range(100_000), 200_000]
    old = load()
    old.load_as_version(0)
    assert ids(old) == list(range(50_000))


def compact_and_vacuum():
    table = load()
    table.optimize.compact()
    load().create_checkpoint()
    gone = load().vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    assert len(gone) > 0
    assert ids(load()) == [*range(100_000), 200_000]


if __name__ == "__main__":
    globals()[sys.argv[1]]()
    # The case is over. Arrow's threads now and then abort an interpreter that ends in the orderly way.
    os._exit(0)
