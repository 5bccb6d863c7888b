"""Measures trail verification side by side with ``aws cloudtrail validate-logs`` on the same loopback bucket.

    python benchmarks/trail.py [--quick] [--million] [--aws PATH]

The AWS CLI is installed in a virtual environment of its own below ``build/`` unless ``--aws`` names one; it is needed
for this comparison only. Times are of whole commands, start-up included; each side gets as many files as it needs to
run for some seconds. Figures of a shared machine are worth as ratios, not as seconds. Below each row of S3 stands what
bounds it: where the processor's time went, measured in the same run.
"""

import argparse
import contextlib
import gzip
import hashlib
import json
import os
import pickle
import random
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import obstore
from isal import isal_zlib
from obstore.store import S3Store
from s3_server import Content

from auditor.simulator.delivery import Chain, DeliveredTrail, Keyring, gzipped, utc_text
from auditor.trail.fetch import S3Source
from auditor.trail.gunzip import inflate

ROOT = Path(__file__).resolve().parent.parent
CLI = ROOT / "build" / "awscli"
START = datetime(2026, 10, 1, tzinfo=UTC)
REGION = "eu-central-1"
TRAIL = DeliveredTrail("bench", REGION, "bench-bucket", "111122223333")
KEYS = Keyring("benchmark", since=START - timedelta(days=25), shared=True)
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Timed:
    """One command's outcome."""

    seconds: float
    cpu_seconds: float
    peak_mib: float
    output: str
    code: int


def log_bodies(count: int, inflated_bytes: int) -> list[tuple[bytes, str]]:
    """Return distinct log files of about this size: stored bytes and SHA-256 of the inflated ones."""
    draw = random.Random(7)  # noqa: S311 - reproducible, not secret
    found = []
    for number in range(count):
        records: list[dict[str, Any]] = []
        size = 0
        while size < inflated_bytes:
            record = {
                "eventVersion": "1.11",
                "userIdentity": {
                    "type": "AssumedRole",
                    "principalId": f"AROA{draw.randrange(10**12):012d}:session-{draw.randrange(1000)}",
                    "arn": f"arn:aws:sts::111122223333:assumed-role/service-{draw.randrange(20)}/session",
                    "accountId": "111122223333",
                },
                "eventTime": utc_text(START + timedelta(seconds=draw.randrange(3600))),
                "eventSource": "ec2.amazonaws.com",
                "eventName": draw.choice(("DescribeInstances", "DescribeVolumes", "GetObject", "AssumeRole")),
                "awsRegion": REGION,
                "sourceIPAddress": f"10.{draw.randrange(256)}.{draw.randrange(256)}.{draw.randrange(256)}",
                "userAgent": "aws-sdk-java/2.25.1 Linux/5.10 OpenJDK_64-Bit_Server_VM/17",
                "requestParameters": {"instancesSet": {"items": [{"instanceId": f"i-{draw.randrange(16**12):012x}"}]}},
                "responseElements": None,
                "requestID": f"{draw.randrange(16**32):032x}",
                "eventID": f"{draw.randrange(16**32):032x}",
                "readOnly": True,
                "eventType": "AwsApiCall",
                "managementEvent": True,
                "recipientAccountId": "111122223333",
                "number": number,
            }
            records.append(record)
            size += 800
        inflated = json.dumps({"Records": records}, separators=(",", ":")).encode()
        found.append((gzipped(inflated), hashlib.sha256(inflated).hexdigest()))
    return found


def content_of(hours: int, logs_per_hour: int, inflated_bytes: int, distinct: int) -> Content:
    """Return a trail of some hours, with log files drawn from a set of distinct ones."""
    content = Content(TRAIL.bucket)
    bodies = log_bodies(distinct, inflated_bytes)
    content.bodies += [body for body, _ in bodies]
    chain = Chain(TRAIL, REGION, KEYS)
    chain.start(START)
    for hour in range(hours + 1):
        begin = START + hour * HOUR
        for number in range(logs_per_hour if hour < hours else 0):
            which = (hour * logs_per_hour + number) % distinct
            made = begin + (number * 60 // logs_per_hour) * timedelta(minutes=1)
            key = TRAIL.log_key(TRAIL.account, REGION, made, f"{hour:06d}{number:010d}")
            content.keys[key] = which
            chain.pending.append(
                {
                    "s3Bucket": TRAIL.bucket,
                    "s3Object": key,
                    "hashValue": bodies[which][1],
                    "hashAlgorithm": "SHA-256",
                    "newestEventTime": utc_text(begin),
                    "oldestEventTime": utc_text(begin),
                }
            )
        stored = chain.digest(begin + HOUR)
        content.add(stored.key, stored.body, stored.metadata["signature"])
    content.public_keys = [key.published_json() for key in KEYS.public_keys(REGION, START, START + timedelta(days=40))]
    content.trail = {
        "Name": TRAIL.name,
        "TrailARN": TRAIL.arn,
        "S3BucketName": TRAIL.bucket,
        "HomeRegion": REGION,
        "IsMultiRegionTrail": False,
        "LogFileValidationEnabled": True,
        "IsOrganizationTrail": False,
    }
    return content


@dataclass(frozen=True, slots=True)
class Served:
    """A running server."""

    endpoint: str
    process: int

    def cpu_seconds(self) -> float:
        """Return the processor time that the server has used so far (Linux)."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def served(content: Content, latency_ms: float) -> Iterator[Served]:
    """Serve a trail in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "content.pickle"
        path.write_bytes(pickle.dumps(content))
        command = [
            sys.executable,
            str(ROOT / "benchmarks" / "s3_server.py"),
            str(path),
            "--latency-ms",
            str(latency_ms),
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
            assert process.stdout is not None  # noqa: S101 - it was asked for
            yield Served(f"http://127.0.0.1:{int(process.stdout.readline())}", process.pid)
            process.terminate()


def run(command: list[str], endpoint: str = "") -> Timed:
    """Run a command and measure its time and peak memory."""
    environment = dict(os.environ) | {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "benchmark",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    if endpoint:
        environment |= {"AWS_ENDPOINT_URL": endpoint}
    with tempfile.TemporaryDirectory() as folder:
        measured, written = Path(folder) / "usage.json", Path(folder) / "output"
        wrapped = [sys.executable, "-c", _MEASURE, str(measured), str(written), *command]
        subprocess.run(wrapped, env=environment, cwd=ROOT, check=True)
        usage = json.loads(measured.read_text())
        return Timed(usage["seconds"], usage["cpu"], usage["peak"] / 1024, written.read_text(), usage["code"])


_MEASURE = """
import json, resource, subprocess, sys, time
started = time.perf_counter()
with open(sys.argv[2], "w") as output:
    code = subprocess.run(sys.argv[3:], stdout=output, stderr=subprocess.STDOUT).returncode
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
measured = {"code": code, "seconds": time.perf_counter() - started, "peak": usage.ru_maxrss}
with open(sys.argv[1], "w") as file:
    json.dump(measured | {"cpu": usage.ru_utime + usage.ru_stime}, file)
"""
"""A small process in between: started by this one, a child would inherit the peak memory of the benchmark itself."""


def ours(start: datetime, end: datetime, *place: str) -> list[str]:
    """Return our command for a period."""
    period = f"{utc_text(start)}/{utc_text(end)}"
    command = [sys.executable, "-m", "auditor", "trail", "verify", *place, "--period", period]
    return [*command, "--as-of", utc_text(end + timedelta(days=1)), "--json", "--quiet"]


def theirs(aws: Path, start: datetime, end: datetime) -> list[str]:
    """Return the AWS CLI's command for a period."""
    command = [str(aws), "cloudtrail", "validate-logs", "--trail-arn", TRAIL.arn, "--region", REGION]
    return [*command, "--start-time", utc_text(start), "--end-time", utc_text(end), "--verbose"]


def install_cli() -> Path:
    """Install the AWS CLI beside the benchmark where it is not; return its path."""
    if not (CLI / "bin" / "aws").exists():
        venv.create(CLI, with_pip=True)
        subprocess.run([CLI / "bin" / "pip", "install", "--quiet", "awscli"], check=True)
    return CLI / "bin" / "aws"


def files_of(timed: Timed) -> int:
    """Return how many digests and log files our run verified, and insist that it verified all."""
    document = json.loads(timed.output)
    counts = document["counts"]
    for part in ("digests", "logs"):
        if counts[part]["valid"] != counts[part]["expected"] or not counts[part]["valid"]:
            raise RuntimeError(f"the benchmark's own trail did not verify: {document['findings'][:3]}")
    return int(counts["digests"]["valid"] + counts["logs"]["valid"])


def compare(content: Content, aws: Path, latency_ms: float, our_hours: int, their_hours: int) -> None:
    """Print one row: our files per second against theirs, and what bounds ours."""
    with served(content, latency_ms) as server:
        command = ours(START, START + our_hours * HOUR, "--trail", TRAIL.arn, "--regions", REGION)
        mine = run(command, server.endpoint)
        serving = server.cpu_seconds()
        client, lane = client_cpu(server.endpoint, content), lane_cpu(server.endpoint, content)
        theirs_timed = run(theirs(aws, START, START + their_hours * HOUR - timedelta(seconds=1)), server.endpoint)
    if theirs_timed.code:
        raise RuntimeError(theirs_timed.output[-500:])
    my_files = files_of(mine)
    their_files = theirs_timed.output.count("\tvalid")
    my_rate, their_rate = my_files / mine.seconds, their_files / theirs_timed.seconds
    my_cpu, their_cpu = mine.cpu_seconds / my_files * 1e3, theirs_timed.cpu_seconds / their_files * 1e3
    print(
        f"| S3, {latency_ms:g} ms | {my_files} in {mine.seconds:.1f} s: {my_rate:,.0f}/s, {my_cpu:.2f} ms CPU a file |"
        f" {their_files} in {theirs_timed.seconds:.1f} s: {their_rate:,.0f}/s, {their_cpu:.2f} ms CPU a file |"
        f" {my_rate / their_rate:.0f}x, CPU {their_cpu / my_cpu:.0f}x |",
        flush=True,
    )
    serving_ms = serving / my_files * 1e3
    print(f"  {spent(my_cpu, digest_cpu(content), lane, serving_ms, client)}")
    waiting = f"{my_rate * latency_ms / 1e3:.0f} requests waited at a time."
    print(f"  {bound(my_cpu + serving_ms, their_cpu + latency_ms)} {waiting}", flush=True)


def spent(whole: float, digesting: float, getting: float, serving: float, client: float) -> str:
    """Say where the processor's time went, and what compiled code alone would take; milliseconds a file."""
    rest = f"all else {whole - digesting - getting:.2f} (Python, spool, start-up)"
    parts = f"inflate and SHA-256 {digesting:.2f}, getting {getting:.2f}, {rest}; beside them the server {serving:.2f}"
    own = f"obstore alone takes {client:.2f} to get a file, so that our bound was {digesting + client:.2f}"
    return f"of {whole:.2f} ms: {parts}. {own}: {whole / (digesting + client):.2f}x of it."


def bound(each: float, theirs_each: float) -> str:
    """Say what so many milliseconds a file allow at best: us on all cores, the other side one file after the other."""
    cores = len(os.sched_getaffinity(0))
    best, their_best = cores / each * 1e3, 1e3 / theirs_each
    sums = f"{cores} cores / {each:.2f} ms = {best:,.0f}/s, against 1 / {theirs_each:.2f} ms = {their_best:,.0f}/s"
    return f"{sums}: {best / their_best:.0f}x where nothing else runs."


def client_cpu(endpoint: str, content: Content, files: int = 4000) -> float:
    """Return the milliseconds of processor time that getting one log file takes, without doing anything with it."""
    keys = [key for key in content.keys if "/CloudTrail/" in key][:files]
    store = S3Store(
        content.bucket,
        region=REGION,
        endpoint=endpoint,
        access_key_id="AKIAIOSFODNN7EXAMPLE",
        secret_access_key="benchmark",  # noqa: S106 - the server checks none
        virtual_hosted_style_request=False,
        client_options={"allow_http": True, "http1_only": True},
    )
    started = time.process_time()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda part: [obstore.get(store, key).bytes() for key in part], (keys[at::4] for at in range(4))))
    return (time.process_time() - started) / len(keys) * 1e3


def lane_cpu(endpoint: str, content: Content, files: int = 4000) -> float:
    """Return the milliseconds of processor time that getting one log file takes on lanes, with their Python."""
    keys = [(key, len(content.bodies[number])) for key, number in content.keys.items() if "/CloudTrail/" in key]
    keys = keys[:files]
    session = boto3.Session("AKIAIOSFODNN7EXAMPLE", "benchmark", region_name=REGION)
    with contextlib.closing(S3Source(session, endpoint_url=endpoint).lanes()) as lanes, ThreadPoolExecutor(4) as pool:
        sum(1 for _ in lanes.read(content.bucket, keys[:4], lambda: 1))  # the SDK is asked once where the bucket is
        started = time.process_time()
        parts = (keys[at::4] for at in range(4))
        got = list(pool.map(lambda part: sum(1 for _ in lanes.read(content.bucket, part, lambda: 40)), parts))
        if sum(got) != len(keys):
            raise RuntimeError("some log files did not come on the lanes")
        return (time.process_time() - started) / len(keys) * 1e3


def digest_cpu(content: Content) -> float:
    """Return the milliseconds of processor time that inflating and hashing one log file takes, on as many cores."""
    bodies = [content.bodies[number] for key, number in content.keys.items() if "/CloudTrail/" in key][:2000]
    cores = len(os.sched_getaffinity(0))
    started = time.process_time()
    with ThreadPoolExecutor(cores) as pool:
        parts = (bodies[at::cores] for at in range(cores))
        list(pool.map(lambda part: [inflate(body, 1 << 29, keep=False) for body in part], parts))
    return (time.process_time() - started) / len(bodies) * 1e3


def local_folder(files: int, inflated_mib: int) -> None:
    """Print one row: a folder of large log files, against inflating and hashing alone."""
    content = content_of(8, files // 8, inflated_mib << 20, 4)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        metadata = {}
        for key, number in content.keys.items():
            path = root / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.bodies[number])
            if key in content.signatures:
                metadata[key] = {"signature": content.signatures[key], "signature-algorithm": "SHA256withRSA"}
        (root / "metadata.json").write_text(json.dumps(metadata))
        keys = [key.published_json() for key in KEYS.public_keys(REGION, START, START + timedelta(days=2))]
        (root / "public-keys.json").write_text(json.dumps({REGION: {"PublicKeyList": keys}}))
        logs = [root / key for key in content.keys if "/CloudTrail/" in key]
        total = sum(len(gzip.decompress(content.bodies[n])) for k, n in content.keys.items() if "/CloudTrail/" in k)
        limit = best_of(3, lambda: hash_all(logs))
        mine = min((run(ours(START, START + 8 * HOUR, "--dir", folder)) for _ in range(3)), key=lambda t: t.seconds)
    files_of(mine)
    mine_rate, limit_rate = total / mine.seconds / 1e6, total / limit / 1e6
    print(
        f"| folder, {len(logs)} logs of {inflated_mib} MiB | {mine_rate:,.0f} MB/s | limit {limit_rate:,.0f} MB/s |"
        f" {mine_rate / limit_rate:.0%} of the limit |",
        flush=True,
    )


def best_of(times: int, function: Any) -> float:
    """Return the shortest time of some runs, in seconds."""
    found = []
    for _ in range(times):
        started = time.perf_counter()
        function()
        found.append(time.perf_counter() - started)
    return min(found)


def hash_all(paths: list[Path]) -> None:
    """Inflate and hash files on all cores: nothing can verify them faster."""

    def one(path: Path) -> str:
        stream = isal_zlib.decompressobj(wbits=31)
        digest = hashlib.sha256()
        data = stream.decompress(path.read_bytes(), 1 << 22)
        while data:
            digest.update(data)
            data = stream.decompress(stream.unconsumed_tail, 1 << 22)
        return digest.hexdigest()

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(one, paths))


def memory(hours: int, small: int, large: int) -> None:
    """Print one row: peak memory with few and with many log files in the same period."""
    peaks = []
    for count in (small, large):
        content = content_of(hours, count // hours, 600, 200)
        with served(content, 0) as server:
            timed = run(ours(START, START + hours * HOUR, "--trail", TRAIL.arn, "--regions", REGION), server.endpoint)
        peaks.append((files_of(timed), timed))
    (few, first), (many, second) = peaks
    print(
        f"| memory, {few:,} and {many:,} files | {first.peak_mib:.0f} MiB and {second.peak_mib:.0f} MiB"
        f" ({many / second.seconds:,.0f}/s) | | {second.peak_mib / first.peak_mib:.2f}x |",
        flush=True,
    )


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sets: to see that it runs")
    parser.add_argument("--million", action="store_true", help="a million log files in the memory row")
    parser.add_argument("--only", choices=("s3", "folder", "memory"), help="one part")
    parser.add_argument("--aws", type=Path, help="an AWS CLI that is there")
    options = parser.parse_args()
    scale = 8 if options.quick else 1
    if options.only in {None, "s3"}:
        aws = options.aws or install_cli()
        version = subprocess.run([aws, "--version"], check=True, capture_output=True, text=True).stdout.split()[0]
        print(f"{len(os.sched_getaffinity(0))} cores; the other side is {version}, on the same bucket")
        print("| what | auditor | aws cloudtrail validate-logs | ratio |\n|---|---|---|---|")
        content = content_of(96 // scale, 320, 84_000, 400)
        compare(content, aws, 20, 96 // scale, 2)
        compare(content, aws, 0, 96 // scale, 4)
    if options.only in {None, "folder"}:
        local_folder(160 // scale, 40)
    if options.only in {None, "memory"}:
        memory(240 // scale, 10_000 // scale, (1_000_000 if options.million else 200_000) // scale)


if __name__ == "__main__":
    main()
