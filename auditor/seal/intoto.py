"""The pack's outcome as an in-toto statement, for policy engines that know no audit packs. Verifies nothing.

Statement v1 with the predicate test-result v0.1 (in-toto attestation framework). Its subject is the pack's
``manifest.json``, which names every file that was judged. Whoever signs the pack signs the statement too: it then
stands in a DSSE envelope.
"""

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from auditor.base.canonical import canonical_json, sha256_hex
from auditor.base.errors import SealError
from auditor.model import State
from auditor.pack.outline import outline
from auditor.seal.manifest import MANIFEST, RULES, Manifest

if TYPE_CHECKING:
    from cryptography import x509

    from auditor.seal.signer import Signer

ATTESTATION = "trust/attestation.intoto.json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"

OUTCOME = ("/subject", *(f"/predicate/{name}" for name in ("result", "passedTests", "warnedTests", "failedTests")))
"""Where a statement says about which pack, and what became of it."""

_LOG_INTEGRITY = "log-integrity"
_REQUEST = f"{RULES}request.json"

_LISTS = {
    State.PASS: "passedTests",
    State.FAIL: "failedTests",
    State.WAIVED: "warnedTests",
    State.MANUAL: "warnedTests",
    State.NOT_ASSESSED: "warnedTests",
}
"""A criterion that does not apply is no test. What nobody could assess never counts as passed."""

_INTEGRITY_LISTS = {"pass": "passedTests", "note": "passedTests", "fail": "failedTests"}


def statement(manifest: Manifest, results: bytes) -> dict[str, Any]:
    """Say in in-toto's words what a pack says.

    Args:
        manifest: of the pack.
        results: the bytes of ``results/results.json``.

    Raises:
        SealError: the results are not of their shape.
    """
    tests = _tests(results)
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": MANIFEST, "digest": {"sha256": manifest.sha256}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {"result": _result(tests), "configuration": _configuration(manifest), **tests},
    }


def attestation(manifest: Manifest, results: bytes, signer: "Signer | None") -> bytes:
    """Return the statement, in an envelope when somebody signs; see ``statement``."""
    payload = canonical_json(statement(manifest, results))
    if signer is None:
        return payload
    return canonical_json(envelope(payload, signer))


def stated_in(data: bytes) -> Any:
    """Return the statement that a file holds, taken out of its envelope where it has one. Verifies no signature.

    Raises:
        ValueError: it is neither.
    """
    try:
        document = orjson.loads(data)
        return orjson.loads(base64.b64decode(document["payload"])) if "payload" in document else document
    except (KeyError, TypeError) as error:
        raise ValueError("it is no statement and no envelope") from error


def key_id(certificate: "x509.Certificate") -> str:
    """Return DSSE's ``keyid`` as used here: the SHA-256 of the public key (SubjectPublicKeyInfo, DER)."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return sha256_hex(certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def envelope(payload: bytes, signer: "Signer") -> dict[str, Any]:
    """Sign a payload as DSSE does."""
    signature = signer.sign(encoded(payload))
    return {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode("ascii"),
        "signatures": [{"keyid": key_id(signer.chain[0]), "sig": base64.b64encode(signature).decode("ascii")}],
    }


def encoded(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """Return what is signed: DSSE's pre-authentication encoding (DSSE protocol, version 1)."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _tests(results: bytes) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {"passedTests": [], "warnedTests": [], "failedTests": []}
    try:
        document = outline(results)
        for control in document.get("controls", ()):
            if (name := _LISTS.get(State(control["state"]))) is not None:
                lists[name].append(str(control["id"]))
        verdicts = {str(report.get("verdict")) for report in document.get("integrity", ())}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SealError(f"the results are not of their shape: {error}") from error
    if verdicts:
        named = {_INTEGRITY_LISTS.get(verdict, "warnedTests") for verdict in verdicts}
        lists[next(name for name in ("failedTests", "warnedTests", "passedTests") if name in named)].append(
            _LOG_INTEGRITY
        )
    return lists


def _result(tests: Mapping[str, list[str]]) -> str:
    if tests["failedTests"]:
        return "FAILED"
    return "WARNED" if tests["warnedTests"] or not tests["passedTests"] else "PASSED"


def _configuration(manifest: Manifest) -> list[dict[str, Any]]:
    """Name the rules as resource descriptors: all of them by the manifest's one hash, and how they were chosen."""
    ruleset: Mapping[str, Any] = manifest.document["ruleset"]
    rules = {
        "name": RULES,
        "digest": {"sha256": ruleset["sha256"]},
        "annotations": {"computed": "SHA-256 of the SHA256SUMS lines of the files below this folder, sorted"},
    }
    request = [
        {"name": entry.path, "digest": {"sha256": entry.sha256}, "mediaType": entry.media_type}
        for entry in manifest.files
        if entry.path == _REQUEST
    ]
    return [rules, *request]
