"""A run that signs by its settings: a key beside ``auditor.yaml``, its password in the environment alone."""

import json
from pathlib import Path

from auditor.simulator import Simulator
from tests.acceptance.conftest import auditor, squeezed

SETTINGS = """
entity: Example Ltd
frameworks: [cis-aws-5.0.0]
regions: [us-east-1]
period: 2026-10
skip: [trail, truth]
formats: [html, csv]
signing:
  key: identity/signing-key.pem
  certificate: identity/signing-certificate.pem
"""
PASSWORD = {"AUDITOR_KEY_PASSWORD": "correct horse"}


def test_a_run_signs_what_its_settings_say_and_names_the_signer(tmp_path: Path) -> None:
    made = auditor("keygen", "--name", "Example Auditor", "--out", tmp_path / "identity", env=PASSWORD)
    assert made.code == 0, made.stderr
    (tmp_path / "auditor.yaml").write_text(SETTINGS)
    command = ("run", "--config", tmp_path / "auditor.yaml", "--out", tmp_path / "out", "--json", "--quiet")
    with Simulator("empty") as aws:
        locked = auditor(*command, "--as-of", "2026-11-02T06:00:00Z", env=aws.environment())
        assert not (tmp_path / "out").exists(), "a key that cannot be used is told before anything is collected"
        signed = auditor(*command, "--as-of", "2026-11-02T06:00:00Z", env=aws.environment() | PASSWORD)

    assert locked.code == 2
    assert "AUDITOR_KEY_PASSWORD" in locked.stderr
    assert signed.code == 1, signed.stderr
    pack = Path(json.loads(signed.stdout)["pack"])
    trust = ("--trust", tmp_path / "identity" / "signing-certificate.pem")
    answer = auditor("verify", pack, *trust, "--replay", "--json")
    report = json.loads(answer.stdout)
    assert (answer.code, report["signer"]) == (0, "CN=Example Auditor")
    assert squeezed("CN=Example Auditor") in squeezed((pack / "report.html").read_text())
    for path in pack.rglob("*"):
        assert not path.is_file() or b"correct horse" not in path.read_bytes()
