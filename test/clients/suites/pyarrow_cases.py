"""What pyarrow's users do. Run as: python pyarrow_cases.py CASE. A failed assertion ends with a non-zero status."""

import hashlib
import os
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow import fs

BUCKET = os.environ["CASE_BUCKET"]
FILE = Path(os.environ["CASE_FILE"])
TREE = Path(os.environ["CASE_TREE"])

s3 = fs.S3FileSystem(
    endpoint_override=os.environ["CASE_ENDPOINT"].removeprefix("http://"),
    scheme="http",
    region=os.environ["AWS_REGION"],
    allow_bucket_creation=True,
    allow_bucket_deletion=True,
    background_writes=True,
)


def make_bucket():
    s3.create_dir(BUCKET)
    assert s3.get_file_info(BUCKET).type == fs.FileType.Directory


def large_file():
    """Written as a stream: the library uploads in parts of 10 MB behind the writer."""
    with open(FILE, "rb") as source, s3.open_output_stream(f"{BUCKET}/big.bin", metadata={"Content-Type": "text/x-big"}) as sink:
        while chunk := source.read(1_234_567):
            sink.write(chunk)
    info = s3.get_file_info(f"{BUCKET}/big.bin")
    assert info.size == FILE.stat().st_size
    digest = hashlib.sha256()
    with s3.open_input_stream(f"{BUCKET}/big.bin") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
        assert stream.metadata()["Content-Type"] == b"text/x-big"
    assert digest.hexdigest() == os.environ["CASE_FILE_SHA256"]
    with s3.open_input_file(f"{BUCKET}/big.bin") as file, open(FILE, "rb") as local:
        for start, length in [(0, 10), (8_388_600, 100), (info.size - 7, 7), (info.size - 7, 700)]:
            local.seek(start)
            assert file.read_at(length, start) == local.read(length)
    s3.copy_file(f"{BUCKET}/big.bin", f"{BUCKET}/copied.bin")
    s3.move(f"{BUCKET}/copied.bin", f"{BUCKET}/moved/ü + x.bin")
    assert s3.get_file_info(f"{BUCKET}/moved/ü + x.bin").size == info.size
    assert s3.get_file_info(f"{BUCKET}/copied.bin").type == fs.FileType.NotFound


def digests(directory):
    return {
        path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in Path(directory).rglob("*")
        if path.is_file()
    }


def tree():
    source = TREE / "odd"
    fs.copy_files(str(source), f"{BUCKET}/tree", destination_filesystem=s3)
    fs.copy_files(f"{BUCKET}/tree", "tree-down", source_filesystem=s3)
    assert digests("tree-down") == digests(source)
    listed = s3.get_file_info(fs.FileSelector(f"{BUCKET}/tree", recursive=True))
    files = sorted(info.path for info in listed if info.is_file)
    assert files == sorted(f"{BUCKET}/tree/{name}" for name in digests(source))


def parquet_dataset():
    rows = 200_000
    table = pa.table({"id": range(rows), "part": [i % 7 for i in range(rows)], "text": [f"row {i}" for i in range(rows)]})
    where = f"{BUCKET}/table"
    ds.write_dataset(table, where, filesystem=s3, format="parquet", partitioning=["part"], partitioning_flavor="hive")
    back = ds.dataset(where, filesystem=s3, format="parquet", partitioning="hive")
    assert back.count_rows() == rows
    some = back.to_table(filter=(ds.field("part") == 3) & (ds.field("id") < 1000)).sort_by("id")
    assert some["id"].to_pylist() == [i for i in range(1000) if i % 7 == 3]
    pq.write_table(table, f"{BUCKET}/one.parquet", filesystem=s3, row_group_size=20_000)
    # A column of a row group: small ranges of one file.
    assert pq.ParquetFile(f"{BUCKET}/one.parquet", filesystem=s3).read_row_group(3, ["text"])["text"][0].as_py() == "row 60000"
    assert pq.read_table(f"{BUCKET}/one.parquet", filesystem=s3).equals(table)


def directories():
    """Directories are empty objects that end in a slash."""
    s3.create_dir(f"{BUCKET}/d/e/f", recursive=True)
    assert s3.get_file_info(f"{BUCKET}/d/e").type == fs.FileType.Directory
    with s3.open_output_stream(f"{BUCKET}/d/e/file") as sink:
        sink.write(b"x")
    s3.delete_dir_contents(f"{BUCKET}/d/e")
    assert s3.get_file_info(f"{BUCKET}/d/e/file").type == fs.FileType.NotFound
    assert s3.get_file_info(f"{BUCKET}/d/e").type == fs.FileType.Directory
    s3.delete_dir(f"{BUCKET}/d")
    assert s3.get_file_info(f"{BUCKET}/d").type == fs.FileType.NotFound


def remove_bucket():
    s3.delete_dir_contents(BUCKET)
    s3.delete_dir(BUCKET)
    assert s3.get_file_info(BUCKET).type == fs.FileType.NotFound


if __name__ == "__main__":
    globals()[sys.argv[1]]()
    # The case is over. Arrow's threads now and then abort an interpreter that ends in the orderly way.
    os._exit(0)
