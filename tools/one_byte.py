"""Changes one byte of a pack at a time, at random, and asks whether ``auditor verify`` finds it: ten thousand times.

    python -m tools.one_byte [PACK] [--changes 10000] [--seed 20261102]

Each change hits a file of a kind drawn first, so that every kind is hit about as often, and is undone before the next.
Without PACK, a small signed pack with every kind of file is made. Prints how often each kind was hit, and every change
that was not found; ends with 1 when there was one.
"""

import argparse
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from auditor.base.errors import AuditorError
from auditor.seal.manifest_form import parse_manifest
from auditor.seal.pack import Sealing, finish_pack
from auditor.seal.verify import Demands, verify_pack
from tests.seal.authority import self_signed_signer
from tests.seal.forging import made_pack

FORMATS = "html,pdf,csv,results-csv,oscal,ocsf,asff,sarif,junit,markdown"


def kinds(pack: Path) -> dict[str, list[Path]]:
    """Return the files of a pack by kind: their extension, or their whole name."""
    found: dict[str, list[Path]] = {}
    for path in sorted(pack.rglob("*")):
        if path.is_file() and path.stat().st_size:
            found.setdefault(path.suffix.lstrip(".") or path.name, []).append(path)
    return found


def is_found(pack: Path, at: datetime) -> bool:
    """Say whether a verification ends with 4; one that cannot be done at all because of the pack counts as well."""
    try:
        return verify_pack(pack, Demands(at=at)).exit_code == DOES_NOT_HOLD
    except AuditorError:
        return True


DOES_NOT_HOLD = 4
"""How ``auditor verify`` ends when a pack does not hold."""


def missed(pack: Path, changes: int, drawn: random.Random, hits: Counter[str]) -> Iterator[str]:
    """Yield each change that is not found; count all by kind of file."""
    by_kind, at = kinds(pack), datetime.now(UTC).replace(microsecond=0)
    for _ in range(changes):
        kind = drawn.choice(sorted(by_kind))
        path = drawn.choice(by_kind[kind])
        data = path.read_bytes()
        position, change = drawn.randrange(len(data)), drawn.randrange(1, 256)
        path.write_bytes(data[:position] + bytes([data[position] ^ change]) + data[position + 1 :])
        hits[kind] += 1
        if not is_found(pack, at):
            yield f"{path.relative_to(pack)}: byte {position} xor {change:#04x}"
        path.write_bytes(data)


def small_pack(folder: Path) -> Path:
    """Make a signed pack with every kind of file."""
    pack = made_pack(folder / "pack", formats=FORMATS)
    signer = self_signed_signer(at=datetime.now(UTC).replace(microsecond=0))
    manifest = parse_manifest((pack / "manifest.json").read_bytes())
    finish_pack(pack, manifest, Sealing(signer, datetime.now(UTC).replace(microsecond=0), sign_pdf=False))
    return pack


def main(arguments: list[str]) -> int:
    """Try, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pack", nargs="?", type=Path, help="a folder that may be written to; it is left as it was")
    parser.add_argument("--changes", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=20261102)
    options = parser.parse_args(arguments)
    hits: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="auditor-one-byte-") as folder:
        pack = options.pack or small_pack(Path(folder))
        left = list(missed(pack, options.changes, random.Random(options.seed), hits))  # noqa: S311 - any byte will do
    for line in left:
        print(f"not found: {line}")
    print(", ".join(f"{kind} {count}" for kind, count in sorted(hits.items())))
    print(f"{hits.total():,} changes of one byte in {len(hits)} kinds of files, {len(left)} not found")
    return int(bool(left))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
