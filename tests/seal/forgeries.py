"""The table of forgeries: what is changed, who can do it, which check of ``auditor verify`` finds it.

Three hands: *anybody* who can write the files, and hash them anew; *another signer*, who also signs what he wrote with
a key of his own; the *preparer*, who holds the signing key and seals whatever he likes.
"""

import html
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from auditor.base.canonical import sha256_hex
from auditor.seal.pack import Sealing
from tests.seal.authority import YEAR, issued_signer, make_authority, self_signed_signer
from tests.seal.forging import edited, reseal, rewrite_manifest
from tests.seal.packs import blank_pdf, rewrite_sums

NOW = datetime.now(UTC).replace(microsecond=0)
ROOT = make_authority(at=NOW)
SEALING = Sealing(issued_signer(ROOT, start=NOW - YEAR, end=NOW + YEAR), NOW)
STRANGER = Sealing(self_signed_signer(at=NOW - timedelta(days=1)), NOW)
ANYBODY, STRANGE, PREPARER = "anybody", "another signer", "preparer"
Change = Callable[[Path], object]


@dataclass(frozen=True, slots=True)
class Forgery:
    """One row.

    Args:
        id: of the test.
        what: is changed, for the page.
        who: can do it.
        change: does it; hashes and seals are made anew as far as ``who`` can.
        found: the check of ``auditor verify --replay --trust ca.pem`` that finds it.
        file: that a finding names; empty where that is another one than the changed one.
        seen: whether a command of ``VERIFY.md`` fails.
    """

    id: str
    what: str
    who: str
    change: Change
    found: str
    file: str = ""
    seen: bool = False

    def apply(self, pack: Path) -> None:
        """Forge a copy of the signed pack."""
        self.change(pack)
        if self.who == STRANGE:
            rewrite_manifest(pack)
            reseal(pack, STRANGER)
        elif self.who == PREPARER:
            rewrite_manifest(pack)
            reseal(pack, SEALING)


def text(name: str, was: str, now: str) -> Change:
    """Replace a text in a file."""

    def change(pack: Path) -> None:
        before = (pack / name).read_text()
        assert was in before
        (pack / name).write_text(before.replace(was, now))

    return change


def member(name: str, change: Callable[[Any], object]) -> Change:
    """Change a JSON document, which stays canonical."""
    return lambda pack: edited(pack / name, change)


def gone(name: str) -> Change:
    """Take a file away."""
    return lambda pack: (pack / name).unlink()


def new(name: str, content: str) -> Change:
    """Put a file there."""
    return lambda pack: (pack / name).write_text(content)


def hashed(change: Change) -> Change:
    """Hash everything anew after a change, as anybody can who has no key."""

    def both(pack: Path) -> None:
        change(pack)
        rewrite_sums(pack)

    return both


def all_met(document: Any) -> None:
    """Turn each result of the control about names into a pass."""
    for result in next(item for item in document["controls"] if item["id"] == "own-bucket-names")["results"]:
        result["state"] = "PASS"


def _manifest_rewritten(pack: Path) -> None:
    all_met_in_results(pack)
    rewrite_manifest(pack)
    rewrite_sums(pack)


def all_met_in_results(pack: Path) -> None:
    """Turn the verdict in the results document."""
    edited(pack / "results/results.json", all_met)


def _made_elsewhere(pack: Path) -> None:
    """Change a verdict, and say that a program made the pack which nobody can have a look at."""
    all_met_in_results(pack)
    rewrite_manifest(pack, lambda it: it["tool"].update(version="0.0.9", sources_sha256="ab" * 32))


def _table_made_elsewhere(pack: Path) -> None:
    """Change a state in a table alone, and say that a program made the pack which nobody can have a look at."""
    _CSV(pack)
    rewrite_manifest(pack, lambda it: it["tool"].update(sources_sha256="ab" * 32))


def _unsigned(pack: Path) -> None:
    all_met_in_results(pack)
    rewrite_manifest(pack)
    for name in ("SHA256SUMS.p7s", "trust/signer.pem", "trust/signer-chain.pem", "trust/ca-chain.pem"):
        (pack / name).unlink(missing_ok=True)
    reseal(pack)


def _other_pdf(pack: Path) -> None:
    (pack / "report.pdf").write_bytes(blank_pdf("manifest-sha256:" + "0" * 64))


def _link(pack: Path) -> None:
    (pack / "README.txt").unlink()
    (pack / "README.txt").symlink_to("/etc/hostname")


def _swap(pack: Path) -> None:
    first, second = pack / "README.txt", pack / "results/controls.csv"
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    second.write_bytes(one)


def _weakened(pack: Path) -> None:
    (path,) = [path for path in (pack / "rules/controls").glob("*.yaml") if "id: iam-root-mfa\n" in path.read_text()]
    before, _, rest = path.read_text().partition("- id: iam-root-mfa\n")
    path.write_text(f"{before}- id: iam-root-mfa\n{rest.replace('severity: critical', 'severity: low', 1)}")


def _raw(pack: Path) -> None:
    """Change an answer, and the hash that its record states."""
    (meta,) = [path for path in (pack / "evidence/meta").glob("*.json") if "ListBuckets" in path.read_text()]
    document = orjson.loads(meta.read_bytes())
    raw = pack / "evidence" / document["path"]
    raw.write_bytes(raw.read_bytes().replace(b'"stuff"', b'"team-stuff"'))


def _other_form(change: Callable[[bytes], bytes]) -> Change:
    """Write the file of an answer otherwise, the same for this program, and the hash that its record states."""

    def both(pack: Path) -> None:
        (meta,) = [path for path in (pack / "evidence/meta").glob("*.json") if "ListBuckets" in path.read_text()]
        raw = pack / "evidence" / orjson.loads(meta.read_bytes())["path"]
        raw.write_bytes(change(raw.read_bytes()))
        edited(meta, lambda record: record.update(sha256=sha256_hex(raw.read_bytes())))

    return both


def _gap_away(pack: Path) -> None:
    edited(pack / "results/results.json", lambda document: document.update(gaps=[], counts={}))


_CSV = text("results/controls.csv", "FAIL", "PASS")
_SCRIPT = text("report.html", "</body>", "<script>alert(1)</script></body>")


def _stated(name: str, what: str, path: str, /, *, file: str = "", **members: object) -> Forgery:
    """Return the row of a preparer who changes members of a document; the finding names it, or another file."""
    return Forgery(name, what, PREPARER, member(path, lambda it: it.update(members)), "replay", file=file or path)


def _reworded(name: str, what: str, path: str, old: str, new: str, *, file: str = "") -> Forgery:
    """Return the row of a preparer who changes words of a file; the finding names it, or another file."""
    return Forgery(name, what, PREPARER, text(path, old, new), "replay", file=file or path)


TABLE = (
    # what anybody can do who has the files
    Forgery("byte", "a word of a table", ANYBODY, _CSV, "files", file="results/controls.csv", seen=True),
    Forgery(
        "byte-hashed", "a word of a table, `SHA256SUMS` written anew", ANYBODY, hashed(_CSV), "manifest", seen=True
    ),
    Forgery(
        "dropped",
        "an answer taken away",
        ANYBODY,
        gone("evidence/meta/EV-0001.json"),
        "files",
        file="evidence/meta/EV-0001.json",
        seen=True,
    ),
    Forgery(
        "added",
        "a file added",
        ANYBODY,
        new("results/opinion.md", "All is well.\n"),
        "files",
        file="results/opinion.md",
        seen=True,
    ),
    Forgery("hidden", "a file hidden beside the sums", ANYBODY, new("SHA256SUMS.old", ""), "files", seen=True),
    Forgery("link", "a file made a link to one of the reader's", ANYBODY, _link, "files", seen=True),
    Forgery("swapped", "two files exchanged", ANYBODY, _swap, "files", seen=True),
    Forgery(
        "sums",
        "a line of `SHA256SUMS` spoilt",
        ANYBODY,
        text("SHA256SUMS", "  README.txt", " *README.txt"),
        "files",
        seen=True,
    ),
    Forgery(
        "everything-hashed",
        "a verdict, with manifest, pages' hash and sums written anew",
        ANYBODY,
        _manifest_rewritten,
        "signature",
        seen=True,
    ),
    Forgery(
        "unsigned", "a verdict, and the signature taken off with all that announced it", ANYBODY, _unsigned, "signature"
    ),
    Forgery("signed-by-another", "a verdict, signed by somebody else", STRANGE, all_met_in_results, "certificate"),
    # what the preparer can do, whose hashes and signatures are all right
    Forgery("verdict", "a verdict in the results", PREPARER, all_met_in_results, "replay", file="results/results.json"),
    Forgery(
        "verdict-elsewhere",
        "a verdict in the results, and another build named as the maker",
        PREPARER,
        _made_elsewhere,
        "replay",
        file="results/results.json",
    ),
    Forgery(
        "answer-twice",
        "an answer written twice in one file, of which each reader takes another",
        PREPARER,
        _other_form(lambda data: data.replace(b"{", b'{"pages":[{"Buckets":[]}],', 1)),
        "replay",
    ),
    Forgery(
        "answer-commented",
        "a word of one's own beside an answer",
        PREPARER,
        _other_form(lambda data: data.replace(b'{"pages"', b'{"opinion":"good","pages"', 1)),
        "replay",
    ),
    Forgery(
        "csv-elsewhere",
        "a state in a table alone, and another build named as the maker",
        PREPARER,
        _table_made_elsewhere,
        "replay",
        file="results/controls.csv",
    ),
    _stated("headline", "the headline of the results", "results/results.json", headline="2 of 2 criteria met."),
    _stated("opinion", "a member of the results that there is not", "results/results.json", opinion="good"),
    Forgery("gaps", "gaps and counts taken out of the results", PREPARER, _gap_away, "manifest"),
    _reworded("page", "the headline of the page", "report.html", "not met", "met"),
    Forgery("script", "a script in the page", PREPARER, _SCRIPT, "replay", file="report.html"),
    Forgery("no-page", "a page taken away", PREPARER, gone("report.html"), "replay", file="report.html"),
    Forgery("other-pdf", "a PDF of another pack", PREPARER, _other_pdf, "pages", file="report.pdf"),
    Forgery("csv", "a word of a table", PREPARER, _CSV, "replay", file="results/controls.csv"),
    _reworded("sarif", "the level of a finding in an export", "results/results.sarif", '"error"', '"none"'),
    Forgery(
        "no-export", "an export taken away", PREPARER, gone("results/summary.md"), "replay", file="results/summary.md"
    ),
    _reworded("readme", "the entity in `README.txt`", "README.txt", "Example Ltd", "Other Ltd"),
    _reworded("replay-text", "the recipe in `replay.txt`", "replay.txt", "same bytes", "same bytes, or nearly"),
    _reworded(
        "criterion",
        "the criterion of a control of one's own, after judging",
        "rules/own-1/names.yaml",
        "team-",
        "t",
        file="results/results.json",
    ),
    Forgery(
        "weakened",
        "a control as released, under its old title",
        PREPARER,
        _weakened,
        "rules",
        file="results/results.json",
    ),
    _stated(
        "fail-on",
        "which failures count, and a member that there is not",
        "rules/request.json",
        fail_on="critical",
        note="agreed",
    ),
    _stated(
        "classification",
        "what the cover says beside the results",
        "rules/presentation.json",
        classification="Public",
        file="report.html",
    ),
    _stated(
        "as-of",
        "the moment of the judgement",
        "evidence/scope.json",
        as_of="2026-11-03T03:00:00Z",
        file="results/results.json",
    ),
    _stated("scope-member", "a member of the scope that there is not", "evidence/scope.json", assurance="reasonable"),
    _stated(
        "record-member",
        "a member of an answer's record that there is not",
        "evidence/meta/EV-0001.json",
        comment="checked twice",
    ),
    _stated("record-pages", "how many pages an answer had", "evidence/meta/EV-0001.json", pages=7),
    Forgery("raw", "an answer of AWS, its record as before", PREPARER, _raw, "manifest"),
    Forgery(
        "further-file",
        "a file that no run writes",
        PREPARER,
        new("evidence/opinion.txt", "All is well."),
        "manifest",
        file="evidence/opinion.txt",
    ),
)


def table() -> str:
    """Return the rows as the documentation has them."""
    lines = ["| what is changed | who can do it | `auditor verify --replay --trust ca.pem` | commands of `VERIFY.md` |"]
    lines += ["|---|---|---|---|"]
    for row in TABLE:
        verify = "`replay` fails, and `rules` names the control" if row.found == "rules" else f"`{row.found}` fails"
        hand = "one fails" if row.seen else "all hold" if row.who == PREPARER else "say what is missing, or who signed"
        lines.append(f"| {html.escape(row.what, quote=False)} | {row.who} | {verify} | {hand} |")
    return "\n".join(lines) + "\n"
