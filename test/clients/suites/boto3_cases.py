"""What boto3's users do. Run as: python boto3_cases.py CASE. A failed assertion ends with a non-zero status."""

import base64
import hashlib
import io
import os
import sys
import urllib.error
import urllib.request
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
from boto3.s3.transfer import TransferConfig
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

MIB = 1 << 20
BUCKET = os.environ["CASE_BUCKET"]
FILE = Path(os.environ["CASE_FILE"])
TREE = Path(os.environ["CASE_TREE"])
LISTING = os.environ["CASE_LISTING_BUCKET"]

config = Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 0})
s3 = boto3.client("s3", config=config)


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def piece(start, length):
    with open(FILE, "rb") as file:
        file.seek(start)
        return file.read(length)


def b64(digest):
    return base64.b64encode(digest).decode()


def refused(code, call, **arguments):
    """Calls and expects this S3 error code; answers the error's details."""
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error.response
        return error.response
    raise AssertionError(f"{code} was expected, the call succeeded")


def make_bucket():
    s3.create_bucket(Bucket=BUCKET)
    s3.get_waiter("bucket_exists").wait(Bucket=BUCKET)
    assert BUCKET in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    assert s3.get_bucket_location(Bucket=BUCKET)["LocationConstraint"] is None


def bucket_configuration():
    unset = {
        "GetBucketCors": "NoSuchCORSConfiguration",
        "GetBucketEncryption": "ServerSideEncryptionConfigurationNotFoundError",
        "GetBucketLifecycle": "NoSuchLifecycleConfiguration",
        "GetBucketLifecycleConfiguration": "NoSuchLifecycleConfiguration",
        "GetBucketMetadataConfiguration": "MetadataConfigurationNotFound",
        "GetBucketMetadataTableConfiguration": "MetadataConfigurationNotFound",
        "GetBucketPolicy": "NoSuchBucketPolicy",
        "GetBucketPolicyStatus": "NoSuchBucketPolicy",
        "GetBucketReplication": "ReplicationConfigurationNotFoundError",
        "GetBucketTagging": "NoSuchTagSet",
        "GetBucketWebsite": "NoSuchWebsiteConfiguration",
        "GetObjectLockConfiguration": "ObjectLockConfigurationNotFoundError",
        "GetPublicAccessBlock": "NoSuchPublicAccessBlockConfiguration",
        "CreateSession": "NotImplemented",
    }
    # As tools for infrastructure do: whatever can be read of a bucket by its name alone.
    for name in s3.meta.service_model.operation_names:
        operation = s3.meta.service_model.operation_model(name)
        required = operation.input_shape.required_members if operation.input_shape else []
        if operation.http["method"] != "GET" or required != ["Bucket"]:
            continue
        call = getattr(s3, xform_name(name))
        if name in unset:
            refused(unset[name], call, Bucket=BUCKET)
        else:
            call(Bucket=BUCKET)

    rules = [{"AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["https://page.example"], "ExposeHeaders": ["ETag"]}]
    s3.put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": rules})
    assert s3.get_bucket_cors(Bucket=BUCKET)["CORSRules"] == rules
    s3.delete_bucket_cors(Bucket=BUCKET)

    tags = [{"Key": "team", "Value": "blue"}]
    s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"] == tags
    s3.delete_bucket_tagging(Bucket=BUCKET)

    rules = [
        {"ID": "logs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 30}},
        {"ID": "uploads", "Status": "Enabled", "Filter": {"Prefix": ""}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
    ]
    s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": rules})
    assert s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"] == rules
    assert s3.put_object(Bucket=BUCKET, Key="logs/a", Body=b"x")["Expiration"].endswith('rule-id="logs"')
    version = s3.list_object_versions(Bucket=BUCKET, Prefix="logs/")["Versions"][0]
    assert (version["Key"], version["VersionId"], version["IsLatest"]) == ("logs/a", "null", True)
    s3.delete_object(Bucket=BUCKET, Key="logs/a", VersionId="null")
    s3.delete_bucket_lifecycle(Bucket=BUCKET)

    block = dict.fromkeys(["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"], True)
    s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=block)
    assert s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"] == block
    s3.delete_public_access_block(Bucket=BUCKET)
    refused("AccessControlListNotSupported", s3.put_bucket_acl, Bucket=BUCKET, ACL="public-read")
    refused("NotImplemented", s3.put_bucket_versioning, Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})


def hosts_of_amazon():
    """Virtual hosts and others, with Partway as the proxy through which they are asked."""
    proxies = {"http": os.environ["AWS_ENDPOINT_URL"]}
    for options in (
        {"addressing_style": "virtual"},
        {"addressing_style": "path"},
        {"addressing_style": "virtual", "use_dualstack_endpoint": True},
    ):
        config = Config(
            proxies=proxies, s3=options, retries={"max_attempts": 0}, ignore_configured_endpoint_urls=True
        )
        amazon = boto3.client("s3", use_ssl=False, config=config)
        amazon.put_object(Bucket=BUCKET, Key="a b/\u00fc", Body=b"by host")
        assert s3.get_object(Bucket=BUCKET, Key="a b/\u00fc")["Body"].read() == b"by host"
        assert amazon.list_objects_v2(Bucket=BUCKET, Prefix="a b/")["Name"] == BUCKET
        amazon.delete_object(Bucket=BUCKET, Key="a b/\u00fc")


def managed_upload_and_download():
    transfer = TransferConfig(multipart_chunksize=8 * MIB, max_concurrency=6)
    seen = []
    s3.upload_file(str(FILE), BUCKET, "big.bin", Config=transfer, Callback=seen.append)
    assert sum(seen) == FILE.stat().st_size
    parts = -(-FILE.stat().st_size // (8 * MIB))
    assert s3.head_object(Bucket=BUCKET, Key="big.bin")["ETag"].endswith(f'-{parts}"')
    s3.download_file(BUCKET, "big.bin", "down.bin", Config=transfer)
    assert sha256("down.bin") == os.environ["CASE_FILE_SHA256"]


class Stream(io.RawIOBase):
    """Readable, not seekable, of unknown length, in small uneven reads: a pipe."""

    def __init__(self, data):
        self.data = io.BytesIO(data)

    def readable(self):
        return True

    def read(self, size=-1):
        return self.data.read(min(size, 70_001) if size and size > 0 else size)


def upload_of_a_stream():
    data = piece(12345, 20 * MIB)
    s3.upload_fileobj(Stream(data), BUCKET, "stream.bin", Config=TransferConfig(multipart_chunksize=5 * MIB))
    sink = io.BytesIO()
    s3.download_fileobj(BUCKET, "stream.bin", sink)
    assert hashlib.sha256(sink.getvalue()).digest() == hashlib.sha256(data).digest()


def tree_round_trip():
    files = [path for path in TREE.rglob("*") if path.is_file()]

    def carry(path):
        key = "tree/" + path.relative_to(TREE).as_posix()
        s3.upload_file(str(path), BUCKET, key)
        assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == path.read_bytes(), key

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(carry, files))
    keys = [item["Key"] for page in pages("list_objects_v2", Prefix="tree/") for item in page["Contents"]]
    expected = sorted(("tree/" + path.relative_to(TREE).as_posix() for path in files), key=str.encode)
    assert keys == expected


def pages(operation, bucket=None, **arguments):
    return s3.get_paginator(operation).paginate(Bucket=bucket or BUCKET, **arguments)


def ranges():
    size = FILE.stat().st_size
    for header, start, end in [
        ("bytes=0-0", 0, 1),
        (f"bytes={8 * MIB - 3}-{8 * MIB + 3}", 8 * MIB - 3, 8 * MIB + 4),
        (f"bytes={size - 10}-", size - 10, size),
        ("bytes=-100000", size - 100000, size),
        (f"bytes=1-{size * 2}", 1, size),
    ]:
        got = s3.get_object(Bucket=BUCKET, Key="big.bin", Range=header)
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert got["ContentRange"] == f"bytes {start}-{end - 1}/{size}", got["ContentRange"]
        digest = hashlib.sha256()
        for chunk in got["Body"].iter_chunks(MIB):
            digest.update(chunk)
        assert digest.digest() == hashlib.sha256(piece(start, end - start)).digest(), header
    refused("InvalidRange", s3.get_object, Bucket=BUCKET, Key="big.bin", Range=f"bytes={size}-")
    second = s3.get_object(Bucket=BUCKET, Key="big.bin", PartNumber=2)
    assert second["ContentLength"] == 8 * MIB and second["PartsCount"] == -(-size // (8 * MIB))
    assert second["Body"].read() == piece(8 * MIB, 8 * MIB)


def multipart_by_hand_resumed():
    """A program that dies after two parts; another one asks which parts are there and goes on."""
    key = {"Bucket": BUCKET, "Key": "resumed/ä.bin"}
    data = piece(0, 17 * MIB)
    upload = s3.create_multipart_upload(**key, ContentType="text/x-resumed")["UploadId"]
    chunk = {number: data[(number - 1) * 5 * MIB : number * 5 * MIB] for number in range(1, 5)}
    for number in (3, 1):
        s3.upload_part(**key, UploadId=upload, PartNumber=number, Body=chunk[number])
    found = [item for page in pages("list_multipart_uploads", Prefix="resumed/") for item in page["Uploads"]]
    assert [(item["Key"], item["UploadId"]) for item in found] == [(key["Key"], upload)]
    there = {}
    for page in s3.get_paginator("list_parts").paginate(**key, UploadId=upload, PaginationConfig={"PageSize": 1}):
        for part in page.get("Parts", []):
            assert part["Size"] == len(chunk[part["PartNumber"]])
            assert part["ETag"] == f'"{hashlib.md5(chunk[part["PartNumber"]]).hexdigest()}"'
            there[part["PartNumber"]] = part["ETag"]
    assert sorted(there) == [1, 3]
    for number in (2, 4):
        there[number] = s3.upload_part(**key, UploadId=upload, PartNumber=number, Body=chunk[number])["ETag"]
    parts = [{"PartNumber": number, "ETag": there[number]} for number in sorted(there)]
    wrong = {"Parts": [*parts[:3], {"PartNumber": 4, "ETag": '"%s"' % ("0" * 32)}]}
    refused("InvalidPart", s3.complete_multipart_upload, **key, UploadId=upload, MultipartUpload=wrong)
    done = {"UploadId": upload, "MultipartUpload": {"Parts": parts}}
    first = s3.complete_multipart_upload(**key, **done)
    assert s3.complete_multipart_upload(**key, **done)["ETag"] == first["ETag"]
    digests = b"".join(hashlib.md5(chunk[number]).digest() for number in sorted(chunk))
    assert first["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-4"'
    got = s3.get_object(**key)
    assert got["ContentType"] == "text/x-resumed" and got["Body"].read() == data


def managed_copy_in_parts():
    source = {"Bucket": BUCKET, "Key": "big.bin"}
    s3.copy(source, BUCKET, "copy.bin", Config=TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=8 * MIB))
    s3.download_file(BUCKET, "copy.bin", "copy.bin")
    assert sha256("copy.bin") == os.environ["CASE_FILE_SHA256"]
    s3.copy_object(Bucket=BUCKET, Key="whole copy.bin", CopySource=source, Metadata={"a": "b"}, MetadataDirective="REPLACE")
    head = s3.head_object(Bucket=BUCKET, Key="whole copy.bin")
    assert head["Metadata"] == {"a": "b"} and head["ContentLength"] == FILE.stat().st_size


def conditional_writes():
    key = {"Bucket": BUCKET, "Key": "conditional"}
    first = s3.put_object(**key, Body=b"one", IfNoneMatch="*")
    refused("PreconditionFailed", s3.put_object, **key, Body=b"two", IfNoneMatch="*")
    refused("PreconditionFailed", s3.put_object, **key, Body=b"two", IfMatch='"%s"' % ("0" * 32))
    second = s3.put_object(**key, Body=b"two", IfMatch=first["ETag"])
    refused("NoSuchKey", s3.put_object, Bucket=BUCKET, Key="not there", Body=b"", IfMatch=second["ETag"])
    upload = s3.create_multipart_upload(**key)["UploadId"]
    etag = s3.upload_part(**key, UploadId=upload, PartNumber=1, Body=b"three")["ETag"]
    complete = {"UploadId": upload, "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": etag}]}}
    refused("PreconditionFailed", s3.complete_multipart_upload, **key, **complete, IfNoneMatch="*")
    assert s3.get_object(**key)["Body"].read() == b"two"
    s3.complete_multipart_upload(**key, **complete, IfMatch=second["ETag"])
    assert s3.get_object(**key)["Body"].read() == b"three"

    def race(number):
        try:
            s3.put_object(Bucket=BUCKET, Key="race", Body=str(number).encode(), IfNoneMatch="*")
            return number
        except ClientError as error:
            assert error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict"), error.response
            return None

    with ThreadPoolExecutor(8) as pool:
        won = [number for number in pool.map(race, range(8)) if number is not None]
    assert len(won) == 1
    assert s3.get_object(Bucket=BUCKET, Key="race")["Body"].read() == str(won[0]).encode()


ALGORITHMS = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]


def checksums_of_every_algorithm():
    data = piece(1, 300_000)
    known = {
        "CRC32": b64(zlib.crc32(data).to_bytes(4, "big")),
        "SHA1": b64(hashlib.sha1(data).digest()),
        "SHA256": b64(hashlib.sha256(data).digest()),
    }
    for algorithm in ALGORITHMS:
        name = f"Checksum{algorithm}"
        key = {"Bucket": BUCKET, "Key": f"sum/{algorithm}"}
        # Bytes go with a header; a stream goes with a trailer where the scheme allows it.
        put = s3.put_object(**key, Body=data, ChecksumAlgorithm=algorithm)
        assert put[name] == known.get(algorithm, put[name]), put
        got = s3.get_object(**key, ChecksumMode="ENABLED")
        assert got[name] == put[name] and got["ChecksumType"] == "FULL_OBJECT"
        assert got["Body"].read() == data
        streamed = s3.put_object(Bucket=BUCKET, Key=f"sum/{algorithm}.stream", Body=io.BytesIO(data), ChecksumAlgorithm=algorithm)
        assert streamed[name] == put[name]
        wrong = b64(bytes([base64.b64decode(put[name])[0] ^ 1]) + base64.b64decode(put[name])[1:])
        refused("BadDigest", s3.put_object, **key, Body=b"X" + data[1:], **{name: wrong})
        assert s3.head_object(**key, ChecksumMode="ENABLED")[name] == put[name]
    refused("BadDigest", s3.put_object, Bucket=BUCKET, Key="md5", Body=data, ContentMD5=b64(hashlib.md5(b"other").digest()))
    s3.put_object(Bucket=BUCKET, Key="md5", Body=data, ContentMD5=b64(hashlib.md5(data).digest()))


def multipart_checksums():
    parts = [piece(0, 5 * MIB), piece(5 * MIB, 5 * MIB), piece(10 * MIB, 4321)]
    whole = b"".join(parts)
    for algorithm, kind in [
        ("CRC32", "COMPOSITE"),
        ("CRC32", "FULL_OBJECT"),
        ("CRC32C", "FULL_OBJECT"),
        ("CRC64NVME", "FULL_OBJECT"),
        ("SHA1", "COMPOSITE"),
        ("SHA256", "COMPOSITE"),
    ]:
        name = f"Checksum{algorithm}"
        key = {"Bucket": BUCKET, "Key": f"mp-sum/{algorithm}-{kind}"}
        made = s3.create_multipart_upload(**key, ChecksumAlgorithm=algorithm, ChecksumType=kind)
        assert (made["ChecksumAlgorithm"], made["ChecksumType"]) == (algorithm, kind)
        done = []
        for number, body in enumerate(parts, 1):
            sent = s3.upload_part(**key, UploadId=made["UploadId"], PartNumber=number, Body=body, ChecksumAlgorithm=algorithm)
            done.append({"PartNumber": number, "ETag": sent["ETag"], name: sent[name]})
        s3.complete_multipart_upload(**key, UploadId=made["UploadId"], MultipartUpload={"Parts": done}, ChecksumType=kind)
        head = s3.head_object(**key, ChecksumMode="ENABLED")
        assert head["ChecksumType"] == kind, head
        digests = b"".join(base64.b64decode(part[name]) for part in done)
        expected = {
            ("CRC32", "FULL_OBJECT"): b64(zlib.crc32(whole).to_bytes(4, "big")),
            ("CRC32", "COMPOSITE"): b64(zlib.crc32(digests).to_bytes(4, "big")) + "-3",
            ("SHA1", "COMPOSITE"): b64(hashlib.sha1(digests).digest()) + "-3",
            ("SHA256", "COMPOSITE"): b64(hashlib.sha256(digests).digest()) + "-3",
        }.get((algorithm, kind), head[name])
        assert head[name] == expected, (algorithm, kind, head[name], expected)
        # botocore verifies a full-object checksum while it reads.
        assert s3.get_object(**key, ChecksumMode="ENABLED")["Body"].read() == whole


def metadata_and_headers():
    key = {"Bucket": BUCKET, "Key": "headers"}
    headers = {
        "ContentType": "text/x-headers; charset=utf-8",
        "CacheControl": "max-age=17",
        "ContentDisposition": 'attachment; filename="a b.txt"',
        "ContentEncoding": "gzip",
        "ContentLanguage": "de, en",
        "Metadata": {"with-hyphens": "a b", "upper": "MiXeD", "long": "x" * 1500},
    }
    s3.put_object(**key, Body=b"0123456789", **headers)
    head = s3.head_object(**key)
    assert {name: head[name] for name in headers} == headers, head
    got = s3.get_object(**key, ResponseContentType="text/other", ResponseCacheControl="no-store")
    assert (got["ContentType"], got["CacheControl"]) == ("text/other", "no-store")
    refused("MetadataTooLarge", s3.put_object, **key, Body=b"", Metadata={"long": "x" * 2100})


def conditional_reads():
    key = {"Bucket": BUCKET, "Key": "headers"}
    head = s3.head_object(**key)
    for arguments, code in [
        ({"IfMatch": '"other"'}, "PreconditionFailed"),
        ({"IfNoneMatch": head["ETag"]}, "304"),
        ({"IfModifiedSince": head["LastModified"]}, "304"),
    ]:
        refused(code, s3.get_object, **key, **arguments)
    assert s3.get_object(**key, IfMatch=head["ETag"], IfUnmodifiedSince=head["LastModified"])["Body"].read() == b"0123456789"


def odd_keys():
    keys = [
        "a", "a/", "a/b", "a//b", "/leading", "//", "..", "../up", "./here", "x/../y", "trailing/", "%2e%2e/%2F", "+", " ", " /",
        "new\nline", "tab\t", "\x01control", "back\\slash", "%", "%zz", "?", "#", "&<>\"'", "\u00e9", "e\u0301", "\U0001f600", "\ud7ff",
        "k" * 1024, "é" * 512, "d/" * 511 + "f", "s" * 256 + "/x", "con", "a:b*c|d", "~", "*", "_", ".", "...", ".partway", "partway/x",
    ]
    for key in keys:
        s3.put_object(Bucket=BUCKET, Key="odd/" + key if len(key.encode()) < 1000 else key, Body=key.encode())
    wanted = sorted(("odd/" + key if len(key.encode()) < 1000 else key for key in keys), key=str.encode)
    for key in wanted:
        body = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()
        assert key in (body, "odd/" + body), key
    for operation in ("list_objects", "list_objects_v2"):
        listed = [item["Key"] for page in pages(operation, Prefix="odd/", PaginationConfig={"PageSize": 3}) for item in page["Contents"]]
        assert listed == [key for key in wanted if key.startswith("odd/")], operation
    for key in wanted:
        s3.delete_object(Bucket=BUCKET, Key=key)
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET, Prefix="odd/")


def listings_in_pages():
    count = int(os.environ["CASE_LISTING_COUNT"])
    expected = sorted(f"dir-{i % 50:02d}/key {i:05d}" for i in range(count))
    for operation in ("list_objects", "list_objects_v2"):
        listed = [item["Key"] for page in pages(operation, LISTING) for item in page["Contents"]]
        assert listed == expected, operation
        found = [item["Prefix"] for page in pages(operation, LISTING, Delimiter="/", PaginationConfig={"PageSize": 7}) for item in page["CommonPrefixes"]]
        assert found == [f"dir-{i:02d}/" for i in range(50)], operation
    after = s3.list_objects_v2(Bucket=LISTING, StartAfter=expected[1234], MaxKeys=3)
    assert [item["Key"] for item in after["Contents"]] == expected[1235:1238] and after["IsTruncated"]


def uploads_in_pages():
    """Open uploads of one key by the time they began, keys by their bytes; no object listing shows them."""
    made = [(key, s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]) for key in ("u/b", "u/a", "u/b", "u/c/d", "u/b")]
    listed = [
        (item["Key"], item["UploadId"])
        for page in pages("list_multipart_uploads", Prefix="u/", PaginationConfig={"PageSize": 1})
        for item in page.get("Uploads", [])
    ]
    assert listed == sorted(made, key=lambda item: item[0]), (listed, made)
    grouped = s3.list_multipart_uploads(Bucket=BUCKET, Prefix="u/", Delimiter="/")
    assert [item["Prefix"] for item in grouped["CommonPrefixes"]] == ["u/c/"]
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET, Prefix="u/")
    for key, upload in made:
        s3.abort_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET, Prefix="u/")


def http(method, url, body=None, headers=None):
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def presigned_get_put_and_part():
    key = {"Bucket": BUCKET, "Key": "presigned/ü +%.txt"}
    put = s3.generate_presigned_url("put_object", Params={**key, "ContentType": "text/x-link"}, ExpiresIn=120)
    assert http("PUT", put, b"by link", {"Content-Type": "text/x-link"})[0] == 200
    get = s3.generate_presigned_url("get_object", Params={**key, "ResponseContentType": "text/other"}, ExpiresIn=120)
    status, headers, body = http("GET", get)
    assert (status, headers["content-type"], body) == (200, "text/other", b"by link")
    assert http("GET", get.replace("by", "").replace("text%2Fother", "text%2Fhtml"))[0] == 403
    # An unsigned copy source on a presigned PUT must not turn it into a copy of another object.
    stolen = http("PUT", put, b"", {"Content-Type": "text/x-link", "x-amz-copy-source": f"{BUCKET}/headers"})
    assert stolen[0] == 403 and b"AccessDenied" in stolen[2], stolen
    upload = s3.create_multipart_upload(**key)["UploadId"]
    params = {**key, "UploadId": upload, "PartNumber": 1}
    status, headers, _ = http("PUT", s3.generate_presigned_url("upload_part", Params=params), b"a part", {})
    assert status == 200
    parts = {"Parts": [{"PartNumber": 1, "ETag": headers["ETag"]}]}
    s3.complete_multipart_upload(**key, UploadId=upload, MultipartUpload=parts)
    assert s3.get_object(**key)["Body"].read() == b"a part"


def presigned_post():
    # The variable is the name of the file: boto3 then signs the prefix.
    made = s3.generate_presigned_post(
        BUCKET,
        "forms/${filename}",
        Fields={"Content-Type": "text/x-form", "success_action_status": "201", "x-amz-meta-by": "boto3"},
        Conditions=[
            {"Content-Type": "text/x-form"},
            {"success_action_status": "201"},
            ["starts-with", "$x-amz-meta-by", ""],
            ["content-length-range", 1, 100],
        ],
    )

    def post(fields, content):
        boundary = "--------a-boundary"
        parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()]
        file = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a b.txt"\r\n\r\n'
        body = ("".join(parts) + file).encode() + content + f"\r\n--{boundary}--\r\n".encode()
        return http("POST", made["url"], body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})

    status, headers, body = post(made["fields"], b"by form")
    assert status == 201 and b"<Key>forms/a b.txt</Key>" in body, (status, body)
    stored = s3.get_object(Bucket=BUCKET, Key="forms/a b.txt")
    assert stored["Body"].read() == b"by form" and stored["ETag"] == headers["ETag"]
    assert (stored["ContentType"], stored["Metadata"]) == ("text/x-form", {"by": "boto3"})
    status, _, body = post(made["fields"], b"x" * 101)
    assert status == 400 and b"EntityTooLarge" in body, (status, body)
    status, _, body = post({**made["fields"], "acl": "private"}, b"by form")
    assert status == 403 and b"Extra input fields: acl" in body, (status, body)


def errors_have_their_classes():
    try:
        s3.get_object(Bucket=BUCKET, Key="not there")
        raise AssertionError("an object that is not there was read")
    except s3.exceptions.NoSuchKey as error:
        assert error.response["Error"]["Key"] == "not there"
    try:
        s3.list_objects_v2(Bucket=BUCKET + "-x")
        raise AssertionError("a bucket that is not there was listed")
    except s3.exceptions.NoSuchBucket as error:
        assert error.response["Error"]["BucketName"] == BUCKET + "-x"
    refused("404", s3.head_object, Bucket=BUCKET, Key="not there")
    refused("404", s3.head_bucket, Bucket=BUCKET + "-x")
    refused("BucketNotEmpty", s3.delete_bucket, Bucket=BUCKET)
    refused("NoSuchUpload", s3.upload_part, Bucket=BUCKET, Key="k", UploadId="nonsense", PartNumber=1, Body=b"")
    known = os.environ["AWS_ACCESS_KEY_ID"]
    stranger = boto3.client("s3", config=config, aws_access_key_id=known, aws_secret_access_key="wrong")
    refused("SignatureDoesNotMatch", stranger.list_buckets)
    stranger = boto3.client("s3", config=config, aws_access_key_id="AKIDNOBODY", aws_secret_access_key="wrong")
    refused("InvalidAccessKeyId", stranger.list_buckets)


def delete_in_batches_and_remove_bucket():
    keys = [item["Key"] for page in pages("list_objects_v2") for item in page["Contents"]]
    for start in range(0, len(keys), 1000):
        batch = [{"Key": key} for key in keys[start : start + 1000]]
        answer = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [*batch, {"Key": "never there"}][:1000]})
        assert len(answer["Deleted"]) == min(len(batch) + 1, 1000) and "Errors" not in answer
    s3.delete_bucket(Bucket=BUCKET)
    s3.get_waiter("bucket_not_exists").wait(Bucket=BUCKET)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
