import socket
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from auditor.base.errors import IntegrityError, SealError
from auditor.seal import der
from auditor.seal.signer import FileSigner, pem
from auditor.seal.timestamp import Tsa, check_stamp_path, encode_query, fetch_stamp, verify_stamp
from tests.seal.authority import YEAR, make_authority, openssl_service, served, stamping_service

NOW = datetime.now(UTC).replace(microsecond=0)
DATA = b"a signature"
AUTHORITY = make_authority("Example TSA Root", at=NOW)
SERVICE = stamping_service(AUTHORITY, time=NOW)
TSA = Tsa("http://tsa.example", (AUTHORITY.certificate,), post=SERVICE.answer)


def test_a_stamp_is_fetched_over_http_and_holds() -> None:
    with served(SERVICE) as url:
        reply = fetch_stamp(DATA, replace(TSA, url=url, post=None), at=NOW)
    assert verify_stamp(reply, DATA).time == NOW


def test_a_stamp_by_openssl_holds(tmp_path: Path) -> None:
    service = openssl_service(tmp_path, AUTHORITY, now=NOW)
    with served(service) as url:
        stamp = verify_stamp(fetch_stamp(DATA, replace(TSA, url=url, post=None), at=NOW), DATA)
    assert abs((stamp.time - datetime.now(UTC)).total_seconds()) < 600


def test_openssl_verifies_a_stamp_of_the_test_service(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(DATA)
    (tmp_path / "reply.tsr").write_bytes(fetch_stamp(DATA, TSA, at=NOW))
    (tmp_path / "ca.pem").write_bytes(pem(AUTHORITY.certificate))
    line = "openssl ts -verify -data data -in reply.tsr -CAfile ca.pem"
    outcome = subprocess.run(line.split(), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr


def test_openssl_reads_our_query(tmp_path: Path) -> None:
    (tmp_path / "q.tsq").write_bytes(encode_query(DATA, 2**63 + 5))
    command = ["openssl", "ts", "-query", "-in", "q.tsq", "-text"]
    outcome = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Hash Algorithm: sha256" in outcome.stdout
    assert "Certificate required: yes" in outcome.stdout
    assert f"0x{2**63 + 5:016X}" in outcome.stdout


def test_a_stamp_over_other_content_does_not_hold() -> None:
    reply = fetch_stamp(DATA, TSA, at=NOW)
    with pytest.raises(IntegrityError, match="made over other content"):
        verify_stamp(reply, DATA + b"!")


def test_a_stamp_for_another_query_is_refused() -> None:
    old = SERVICE.answer("", encode_query(DATA, 12345))
    with pytest.raises(SealError, match="answers another query"):
        fetch_stamp(DATA, replace(TSA, post=lambda _url, _query: old), at=NOW)


def test_a_refusal_is_told() -> None:
    refusing = replace(SERVICE, status=2)
    with pytest.raises(SealError, match="refused with status 2"):
        fetch_stamp(DATA, replace(TSA, post=refusing.answer), at=NOW)


def test_a_service_that_nobody_trusts_is_refused() -> None:
    other = stamping_service(make_authority("Other", at=NOW), time=NOW)
    with pytest.raises(SealError, match="no trusted certificate vouches"):
        fetch_stamp(DATA, replace(TSA, post=other.answer), at=NOW)


def test_a_certificate_for_another_purpose_stamps_nothing() -> None:
    plain = AUTHORITY.issue("Signer", SERVICE.signer.key, start=NOW - YEAR, end=NOW + YEAR)
    service = replace(SERVICE, signer=FileSigner(SERVICE.signer.key, (plain,)))
    with pytest.raises(SealError, match="no trusted certificate vouches"):
        fetch_stamp(DATA, replace(TSA, post=service.answer), at=NOW)


def test_a_stamp_outlives_neither_its_service_nor_its_birth() -> None:
    stamp = verify_stamp(fetch_stamp(DATA, TSA, at=NOW), DATA)
    with pytest.raises(IntegrityError, match="not valid at that time"):
        check_stamp_path(stamp, (AUTHORITY.certificate,), at=NOW + 6 * YEAR)
    with pytest.raises(IntegrityError, match="older than the certificate"):
        check_stamp_path(replace(stamp, time=NOW - 3 * YEAR), (AUTHORITY.certificate,), at=NOW)


def test_every_single_byte_of_a_stamp_counts() -> None:
    good = fetch_stamp(DATA, TSA, at=NOW)
    expected = verify_stamp(good, DATA)
    harmless = []
    for position in range(len(good)):
        bad = bytearray(good)
        bad[position] ^= 0x01
        try:
            stamp = verify_stamp(bytes(bad), DATA)
            check_stamp_path(stamp, (AUTHORITY.certificate,), at=NOW)
        except IntegrityError:
            continue
        assert stamp == expected
        harmless.append(position)
    assert len(harmless) <= 1  # granted, and granted with modifications


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html>not found</html>", id="web-page"),
        pytest.param(bytes(2 << 20), id="huge"),
        pytest.param(der.encode(der.SEQUENCE), id="no-status"),
        pytest.param(der.encode(der.SEQUENCE, der.encode(der.SEQUENCE, der.encode_integer(0))), id="no-token"),
    ],
)
def test_replies_that_are_no_stamps_are_told(reply: bytes) -> None:
    with pytest.raises(SealError, match=r"http://tsa\.example"):
        fetch_stamp(DATA, replace(TSA, post=lambda _url, _query: reply), at=NOW)


def test_a_service_that_is_away_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        with pytest.raises(SealError, match="did not answer"):
            fetch_stamp(DATA, replace(TSA, url=url, timeout_seconds=2, post=None), at=NOW)


def test_a_url_of_another_kind_is_refused() -> None:
    with pytest.raises(SealError, match="no http or https address"):
        fetch_stamp(DATA, replace(TSA, url="file:///etc/passwd", post=None), at=NOW)
