"""CloudTrail's keys: printed in ``VERIFY.md``, checked there with openssl, compared with what CloudTrail publishes."""

import base64
import json
import re
import subprocess
from pathlib import Path

import pytest

from auditor.base.canonical import canonical_json
from auditor.collect.accounts import open_session
from auditor.collect.guard import CallLog
from auditor.run.keychecking import check_keys
from auditor.seal.guides import verify_text
from auditor.seal.manifest_form import parse_manifest
from auditor.simulator import Simulator
from tests.seal.by_hand import failing, run
from tests.seal.packs import sealed_pack
from tests.trail.bucket import filled, verify


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A pack with the archive of a small trail."""
    report = verify(filled(), archive=tmp_path / "pack" / "evidence" / "integrity" / "trail-1").document()
    return sealed_pack(tmp_path / "pack", integrity=(report,))


def recipe(pack: Path) -> str:
    (found,) = re.findall(r"^```bash\n(.*?)^```$", (pack / "VERIFY.md").read_text(), re.DOTALL | re.MULTILINE)
    return str(found)


def test_one_digests_signature_is_checked_with_openssl_alone(pack: Path) -> None:
    answer = run(recipe(pack), pack)
    assert answer.stdout == "Verified OK\n", answer.stderr
    listed = run(f"{recipe(pack)}\ndigest | tr '{{' '\\n' | grep -c hashValue", pack).stdout.splitlines()
    assert int(listed[1]) > 0
    keys = pack / "evidence/integrity/trail-1/public-keys.json"
    document = json.loads(keys.read_text())
    for answer_of_region in document.values():
        for key in answer_of_region["PublicKeyList"]:
            key["Value"] = key["Value"][:40] + ("A" if key["Value"][40] != "A" else "B") + key["Value"][41:]
    keys.write_text(json.dumps(document, indent=1, sort_keys=True))
    assert "Verified OK" not in run(recipe(pack), pack).stdout


def test_the_keys_of_cloudtrail_are_printed_with_regions_and_days(pack: Path) -> None:
    text = (pack / "VERIFY.md").read_text()
    (report,) = json.loads((pack / "results/results.json").read_bytes())["integrity"]
    assert "aws cloudtrail list-public-keys --region REGION" in text
    for key in report["keys"]:
        assert f"- {key['region']}: `{key['fingerprint']}`, {key['valid_from']} to {key['valid_until']}" in text


def test_a_name_that_a_shell_would_not_take_as_it_is_stands_in_no_command(pack: Path) -> None:
    manifest = parse_manifest((pack / "manifest.json").read_bytes())
    record = json.loads((pack / "trust/seal.json").read_bytes())
    results = json.loads((pack / "results/results.json").read_bytes())
    for member, text in (("key", "a'; rm -rf ~; '"), ("bucket", "$(reboot)"), ("signature", "zz" * 256)):
        forged = json.loads(canonical_json(results))
        for anchor in forged["integrity"][0]["anchors"]:
            anchor[member] = text
        assert text.encode() not in verify_text(manifest, record, forged)
    forged = json.loads(canonical_json(results))
    forged["integrity"][0]["keys"][0]["fingerprint"] = "`reboot`"
    assert b"`reboot`" not in verify_text(manifest, record, forged)


@pytest.mark.simulator
def test_keys_are_compared_with_those_that_cloudtrail_publishes(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Simulator("clean") as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        session = open_session(profile=None, region=None, log=CallLog())
        published = session.client("cloudtrail", region_name="eu-central-1").list_public_keys()["PublicKeyList"]
        used = [
            {
                "region": "eu-central-1",
                "fingerprint": key["Fingerprint"],
                "valid_from": key["ValidityStartTime"].isoformat(),
                "valid_until": key["ValidityEndTime"].isoformat(),
            }
            for key in published
        ]
        mine = check_keys(pack, session)
        results = pack / "results/results.json"
        results.write_text(json.dumps({"integrity": [{"keys": used}]}, default=str))
        kept = {"eu-central-1": {"PublicKeyList": published}}
        keys = pack / "evidence/integrity/trail-1/public-keys.json"
        keys.write_text(json.dumps(kept, default=_plain))
        same = check_keys(pack, session)
        aws.deny("cloudtrail:ListPublicKeys")
        unanswered = check_keys(pack, session)
    assert published
    assert "is none that CloudTrail publishes there" in mine.differences[0].message
    assert (same.differences, same.open) == ((), ())
    assert "did not answer" in unanswered.open[0]


def _plain(value: object) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def test_a_link_or_a_second_line_for_a_name_is_refused_by_the_printed_commands(pack: Path) -> None:
    assert failing(pack) == []
    sums = pack / "SHA256SUMS"
    kept, (name, *_) = sums.read_text(), [line[66:] for line in sums.read_text().splitlines()]
    sums.write_text(kept + kept.splitlines()[0] + "\n")
    assert failing(pack) != []
    sums.write_text(kept)
    (pack / name).rename(pack.parent / "moved")
    (pack / name).symlink_to(pack.parent / "moved")
    assert [line for line in failing(pack) if line.startswith("diff")] != []
    assert subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=pack, check=False).returncode == 0
