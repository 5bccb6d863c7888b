"""The in-toto statement says what the pack says, and its envelope is signed as DSSE asks."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from auditor.base.canonical import canonical_json, sha256_hex
from auditor.base.errors import SealError
from auditor.seal.attested import attestation_problem
from auditor.seal.contents import FolderFiles
from auditor.seal.intoto import (
    ATTESTATION,
    PAYLOAD_TYPE,
    PREDICATE_TYPE,
    STATEMENT_TYPE,
    encoded,
    envelope,
    statement,
)
from auditor.seal.manifest import Manifest, build_manifest
from auditor.seal.pack import Sealing, reseal_pack
from auditor.seal.signer import FileSigner
from auditor.seal.sums import parse_sums
from tests.seal.authority import self_signed_signer
from tests.seal.packs import info, judged_folder, sealed_pack

NOW = datetime.now(UTC).replace(microsecond=0)
STATES = ("PASS", "FAIL", "WAIVED", "NOT_ASSESSED", "NOT_APPLICABLE", "MANUAL")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    folder = judged_folder(tmp_path_factory.mktemp("pack"))
    (folder / "rules" / "request.json").write_bytes(b"{}\n")
    return build_manifest(FolderFiles(folder), info())


def results(*states: str, integrity: tuple[str, ...] = ()) -> bytes:
    return canonical_json(
        {
            "controls": [{"id": f"c-{state.lower()}", "state": state} for state in states],
            "integrity": [{"verdict": verdict} for verdict in integrity],
        }
    )


def test_the_statement_has_every_field_that_the_specifications_require(manifest: Manifest) -> None:
    """Statement v1: _type, subject with digests, predicateType; test-result v0.1: result and configuration."""
    made = statement(manifest, results(*STATES))
    assert made["_type"] == "https://in-toto.io/Statement/v1"
    assert made["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert made["subject"] == [{"name": "manifest.json", "digest": {"sha256": sha256_hex(manifest.data)}}]
    predicate = made["predicate"]
    assert set(predicate) == {"result", "configuration", "passedTests", "warnedTests", "failedTests"}
    for descriptor in predicate["configuration"]:
        assert descriptor["name"]
        assert len(descriptor["digest"]["sha256"]) == 64
    assert [descriptor["name"] for descriptor in predicate["configuration"]] == ["rules/", "rules/request.json"]


def test_every_state_but_not_applicable_stands_in_one_list(manifest: Manifest) -> None:
    predicate = statement(manifest, results(*STATES))["predicate"]
    assert predicate["passedTests"] == ["c-pass"]
    assert predicate["failedTests"] == ["c-fail"]
    assert predicate["warnedTests"] == ["c-waived", "c-not_assessed", "c-manual"]


@pytest.mark.parametrize(
    ("data", "result"),
    [
        pytest.param(results("PASS"), "PASSED", id="all-met"),
        pytest.param(results("PASS", "NOT_APPLICABLE"), "PASSED", id="not-applicable"),
        pytest.param(results("PASS", integrity=("pass", "note")), "PASSED", id="logs-proved"),
        pytest.param(results("PASS", "WAIVED"), "WARNED", id="waived"),
        pytest.param(results("PASS", "NOT_ASSESSED"), "WARNED", id="gap"),
        pytest.param(results("PASS", "MANUAL"), "WARNED", id="manual"),
        pytest.param(results("PASS", integrity=("pass", "incomplete")), "WARNED", id="logs-incomplete"),
        pytest.param(results("PASS", integrity=("strange",)), "WARNED", id="unknown-verdict"),
        pytest.param(b'{"controls": [{"id": "x", "state": "PASS"}], "integrity": [{}]}', "WARNED", id="no-verdict"),
        pytest.param(results("NOT_APPLICABLE"), "WARNED", id="nothing-tested"),
        pytest.param(results(), "WARNED", id="nothing-at-all"),
        pytest.param(results("PASS", "FAIL"), "FAILED", id="failure"),
        pytest.param(results("PASS", integrity=("pass", "fail")), "FAILED", id="logs-altered"),
    ],
)
def test_nothing_passes_that_was_not_seen_to_pass(manifest: Manifest, data: bytes, result: str) -> None:
    assert statement(manifest, data)["predicate"]["result"] == result


def test_integrity_is_one_test_with_its_gravest_verdict(manifest: Manifest) -> None:
    predicate = statement(manifest, results("PASS", integrity=("pass", "fail", "incomplete")))["predicate"]
    assert (predicate["failedTests"], predicate["warnedTests"]) == (["log-integrity"], [])


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"controls": [{"id": "x", "state": "MAYBE"}]}', b'{"controls": [1]}'])
def test_results_of_another_shape_are_not_attested(manifest: Manifest, data: bytes) -> None:
    with pytest.raises(SealError, match="not of their shape"):
        statement(manifest, data)


def test_the_pre_authentication_encoding_is_that_of_the_specification() -> None:
    """The example of the DSSE protocol."""
    assert encoded(b"hello world", "http://example.com/HelloWorld") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_an_unsigned_pack_carries_the_bare_statement_under_its_checksums(tmp_path: Path) -> None:
    pack = sealed_pack(tmp_path / "pack")
    data = (pack / ATTESTATION).read_bytes()
    assert parse_sums((pack / "SHA256SUMS").read_bytes())[ATTESTATION] == sha256_hex(data)
    digest = sha256_hex((pack / "manifest.json").read_bytes())
    assert json.loads(data)["subject"] == [{"name": "manifest.json", "digest": {"sha256": digest}}]


def opened(pack: Path, signer: FileSigner) -> dict[str, Any]:
    """Check the envelope as a stranger would, and return the statement."""
    envelope = json.loads((pack / ATTESTATION).read_bytes())
    assert set(envelope) == {"payload", "payloadType", "signatures"}
    assert envelope["payloadType"] == PAYLOAD_TYPE == "application/vnd.in-toto+json"
    payload = base64.b64decode(envelope["payload"], validate=True)
    (signature,) = envelope["signatures"]
    public = signer.chain[0].public_key()
    spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert signature["keyid"] == sha256_hex(spki)
    kind = envelope["payloadType"].encode()
    signed = b" ".join([b"DSSEv1", str(len(kind)).encode(), kind, str(len(payload)).encode(), payload])
    for data, holds in ((signed, True), (signed + b" ", False)):
        assert _holds(public, base64.b64decode(signature["sig"]), data) is holds
    document: dict[str, Any] = json.loads(payload)
    return document


def _holds(public: object, signature: bytes, data: bytes) -> bool:
    try:
        if isinstance(public, rsa.RSAPublicKey):
            public.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
        else:
            assert isinstance(public, ec.EllipticCurvePublicKey)
            public.verify(signature, data, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


@pytest.mark.parametrize("use_rsa", [False, True], ids=["p256", "rsa"])
def test_a_signed_pack_carries_an_envelope_that_a_stranger_can_check(tmp_path: Path, *, use_rsa: bool) -> None:
    signer = self_signed_signer(at=NOW, use_rsa=use_rsa)
    pack = sealed_pack(tmp_path / "pack", sealing=Sealing(signer, NOW, sign_pdf=False))
    assert opened(pack, signer)["predicate"]["result"] == "WARNED"
    reseal_pack(pack)
    assert json.loads((pack / ATTESTATION).read_bytes())["_type"] == "https://in-toto.io/Statement/v1"


MANIFEST_HASH = "ab" * 32
SIGNER = self_signed_signer(at=NOW)
GOOD = canonical_json(
    {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": "manifest.json", "digest": {"sha256": MANIFEST_HASH}}],
        "predicateType": PREDICATE_TYPE,
    }
)


def altered(**members: Any) -> bytes:
    return canonical_json(envelope(GOOD, SIGNER) | members)


@pytest.mark.parametrize(
    ("data", "enveloped", "problem"),
    [
        pytest.param(GOOD, False, "", id="bare"),
        pytest.param(canonical_json(envelope(GOOD, SIGNER)), True, "", id="enveloped"),
        pytest.param(GOOD, True, "cannot be read", id="bare-where-signed"),
        pytest.param(canonical_json(envelope(GOOD, SIGNER)), False, "cannot be read", id="enveloped-where-unsigned"),
        pytest.param(GOOD.replace(b"ab", b"cd"), False, "another manifest.json", id="another-subject"),
        pytest.param(GOOD.replace(b"v0.1", b"v0.2"), False, "no in-toto statement", id="another-predicate"),
        pytest.param(altered(payload=base64.b64encode(GOOD + b" ").decode()), True, "does not hold", id="payload"),
        pytest.param(altered(payloadType="text/plain"), True, "cannot be read", id="payload-type"),
        pytest.param(altered(signatures=[]), True, "cannot be read", id="no-signature"),
        pytest.param(
            canonical_json(envelope(GOOD, self_signed_signer(at=NOW))), True, "another key", id="another-signer"
        ),
        pytest.param(b"{", True, "cannot be read", id="no-json"),
        pytest.param(b"[]", False, "cannot be read", id="a-list"),
    ],
)
def test_a_statement_of_another_pack_or_signer_is_found(data: bytes, problem: str, *, enveloped: bool) -> None:
    found = attestation_problem(data, manifest_sha256=MANIFEST_HASH, enveloped=enveloped, signer=SIGNER.chain[0])
    assert problem in found
    assert bool(found) == bool(problem)
