import os
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from auditor.base.canonical import canonical_json, sha256_hex
from auditor.base.errors import IntegrityError, SealError
from auditor.seal.archive import pack_zip
from auditor.seal.guides import readme_text, wrapped
from auditor.seal.manifest_form import parse_manifest
from auditor.seal.pack import reseal_pack, seal_pack, write_manifest
from auditor.seal.sums import parse_sums
from tests.seal.packs import info, judged_folder, sealed_pack


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_sums_list_every_file_but_themselves(tmp_path: Path) -> None:
    pack = tree(sealed_pack(tmp_path / "pack"))
    sums = parse_sums(pack["SHA256SUMS"])
    assert sums == {name: sha256_hex(data) for name, data in pack.items() if name != "SHA256SUMS"}


def test_the_manifest_lists_what_the_pages_rest_on(tmp_path: Path) -> None:
    pack = tree(sealed_pack(tmp_path / "pack"))
    manifest = parse_manifest(pack["manifest.json"])
    later = {"manifest.json", "report.pdf", "report.html", "VERIFY.md", "SHA256SUMS", "trust/seal.json"}
    later |= {"trust/attestation.intoto.json"}
    assert {entry.path for entry in manifest.files} == set(pack) - later


def test_the_manifest_has_every_member_that_readers_expect(tmp_path: Path) -> None:
    manifest = write_manifest(judged_folder(tmp_path), info())
    expected = (
        "schema_version pack_id report_id previous_pack entity scope period collection tool ruleset frameworks "
        "sampling counts files redaction results_sha256 completeness signing retention"
    )
    assert set(expected.split()) <= set(manifest.document)
    assert manifest.document["period"]["start"] == "2026-10-01T00:00:00Z"
    assert canonical_json(orjson.loads(manifest.data)) == manifest.data


def test_an_evidence_file_and_its_metadata_carry_their_reference(tmp_path: Path) -> None:
    manifest = write_manifest(judged_folder(tmp_path), info())
    references = {entry.path: entry.evidence_ref for entry in manifest.files if entry.evidence_ref}
    assert references == {
        "evidence/meta/EV-0001.json": "EV-0001",
        "evidence/meta/EV-0002.json": "EV-0002",
        "evidence/raw/111122223333/eu-central-1/cloudtrail.DescribeTrails.json": "EV-0001",
        "evidence/raw/111122223333/us-east-1/cloudtrail.DescribeTrails.json": "EV-0002",
    }


def test_the_same_files_make_the_same_pack_and_zip(tmp_path: Path) -> None:
    first = sealed_pack(tmp_path / "a" / "pack")
    second = sealed_pack(tmp_path / "b" / "pack")
    for number, folder in enumerate((first, second)):
        for path in folder.rglob("*"):
            os.utime(path, (number * 10_000_000, number * 10_000_000))
    second.joinpath("README.txt").chmod(0o600)
    pack_zip(first, tmp_path / "a.zip")
    pack_zip(second, tmp_path / "b.zip")
    assert tree(first) == tree(second)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_another_process_and_hash_seed_make_the_same_bytes(tmp_path: Path) -> None:
    here = sealed_pack(tmp_path / "pack")
    program = (
        "import sys; from pathlib import Path; from tests.seal.packs import sealed_pack; sealed_pack(Path(sys.argv[1]))"
    )
    elsewhere = tmp_path / "other" / "pack"
    environment = {**os.environ, "PYTHONHASHSEED": "4242", "TZ": "Asia/Kolkata", "LC_ALL": "C"}
    subprocess.run([sys.executable, "-c", program, str(elsewhere)], check=True, env=environment, cwd=Path.cwd())
    assert tree(here) == tree(elsewhere)


def test_pages_are_written_between_manifest_and_sums(tmp_path: Path) -> None:
    folder = judged_folder(tmp_path)
    seen: list[bool] = []

    def pages(manifest: object) -> None:
        seen.append((folder / "manifest.json").exists() and not (folder / "SHA256SUMS").exists())

    seal_pack(folder, info(), pages=pages)
    assert seen == [True]


def test_sealing_anew_leaves_an_unchanged_pack_as_it_was(tmp_path: Path) -> None:
    folder = sealed_pack(tmp_path)
    before = tree(folder)
    reseal_pack(folder)
    assert tree(folder) == before


def test_a_changed_pack_is_not_sealed_again(tmp_path: Path) -> None:
    folder = sealed_pack(tmp_path)
    (folder / "results/controls.csv").write_bytes(b"id,state\r\na,PASS\r\nb,PASS\r\n")
    with pytest.raises(IntegrityError, match=r"results/controls\.csv is not what the manifest says"):
        reseal_pack(folder)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("results/re\u0441ults.json", "a name that no pack uses", id="cyrillic-letter"),
        pytest.param("results/a\nb", "a name that no pack uses", id="line-end"),
        pytest.param("results/a:b", "a name that no pack uses", id="alternate-stream"),
        pytest.param("results/nul.json", "a name that no pack uses", id="windows-device"),
    ],
)
def test_a_name_that_is_not_portable_stops_the_seal(tmp_path: Path, name: str, words: str) -> None:
    folder = judged_folder(tmp_path)
    (folder / name).write_bytes(b"x")
    with pytest.raises(SealError, match=words):
        seal_pack(folder, info())


def test_a_link_stops_the_seal(tmp_path: Path) -> None:
    folder = judged_folder(tmp_path)
    (folder / "results" / "more.json").symlink_to("/etc/hostname")
    with pytest.raises(SealError, match="symbolic link"):
        seal_pack(folder, info())


def test_a_folder_that_was_never_judged_is_not_sealed(tmp_path: Path) -> None:
    folder = judged_folder(tmp_path)
    (folder / "results/results.json").unlink()
    with pytest.raises(SealError, match=r"results/results\.json is missing"):
        seal_pack(folder, info())


def test_guides_keep_to_one_line_what_others_chose(tmp_path: Path) -> None:
    hostile = "Evil\nHow to check it\n---\n`rm`\u202e" + "x" * 400
    text = readme_text(replace(info(), run=replace(info().run, entity=hostile))).decode()
    line = next(line for line in text.splitlines() if line.startswith("Entity:"))
    assert line.startswith("Entity:      Evil How to check it --- 'rm' x")
    assert len(line) < 220


def test_a_zip_that_cannot_be_finished_is_removed(tmp_path: Path) -> None:
    folder = sealed_pack(tmp_path / "pack")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            pack_zip(folder, tmp_path / "pack.zip")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in tmp_path.iterdir()] == ["pack"]


def test_a_zip_is_written_into_a_pipe_and_does_not_take_its_place(tmp_path: Path) -> None:
    folder = sealed_pack(tmp_path / "pack")
    pack_zip(folder, tmp_path / "pack.zip")
    pipe, copy = tmp_path / "pipe", tmp_path / "copy"
    os.mkfifo(pipe)
    with copy.open("wb") as file, subprocess.Popen(["cat", str(pipe)], stdout=file):
        pack_zip(folder, pipe)
    assert copy.read_bytes() == (tmp_path / "pack.zip").read_bytes()
    assert pipe.is_fifo()


def test_guides_break_prose_and_leave_commands_alone() -> None:
    prose, command = "A sentence of many words. " * 9, "openssl cms -verify " * 9
    hostile = (
        "- A name that goes on and on and on, until it is broken just before its own heading, # Certified by all means"
    )
    assert wrapped(hostile) == hostile
    text = f"# {prose}\n\n{prose}\n- {prose}\n```sh\n{command}\n```\n    {command}\n| {prose} |\n"
    lines = wrapped(text).splitlines()
    assert [line for line in lines if len(line) > 118] == [f"# {prose}", command, f"    {command}", f"| {prose} |"]
    assert " ".join(wrapped(text).split()) == " ".join(text.split())
    assert lines[lines.index(next(line for line in lines if line.startswith("- "))) + 1].startswith("  ")


def test_a_paragraph_of_long_lines_is_broken_as_one() -> None:
    long, item = ("one two three four " * 7).strip(), "- " + ("five six " * 14).strip()
    text = f"{long}\n{long}\nshort end.\n\n{item}\n- another\n```sh\nmake\n```\n{long}\n# Heading\n"
    lines = wrapped(text).splitlines()
    first = lines[: lines.index("")]
    assert len(first) == 3
    assert all(len(line) > 90 for line in first[:-1])
    assert [line for line in lines if line.startswith("- ")][-1] == "- another"
    assert {"```sh", "# Heading"} < set(lines)
    assert " ".join(wrapped(text).split()) == " ".join(text.split())
