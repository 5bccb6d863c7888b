"""What is kept of a run that broke after it had collected, and what a killed run left behind."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from auditor.base.errors import AuditorError
from auditor.base.whole import left_over
from auditor.evidence.store import SCOPE
from auditor.pack.imports import IMPORTED
from auditor.pack.layout import EVIDENCE
from auditor.run.request import Progress
from auditor.run.workroom import PACK, worth_keeping

WRITTEN = (
    "README.txt", "VERIFY.md", "manifest.json", "replay.txt", "report.html", "report.pdf", "results", "rules", "trust",
)  # fmt: skip
"""What ``complete`` writes beside the evidence, as far as it may have come."""


@contextmanager
def kept_when_broken(folder: Path, out: Path) -> Iterator[None]:
    """Keep the evidence in a folder when what follows cannot be done; the error then says where it is and how to go on.

    What an interruption or a full disk ends is left as it is: the run can be taken up again.
    """
    try:
        yield
    except AuditorError as error:
        error.add_note(_how_to_go_on(keep(folder, out)))
        raise


def keep(folder: Path, out: Path) -> Path:
    """Move what was collected to where the packs of its account and period stand; return the place."""
    clear_written(folder)
    scope = orjson.loads((folder / EVIDENCE / SCOPE).read_bytes())
    accounts = [account["id"] for account in scope["accounts"]]
    parent = out / (accounts[0] if len(accounts) == 1 else "organization") / scope["period"]["label"]
    parent.mkdir(parents=True, exist_ok=True)
    moment = scope["as_of"].replace("-", "").replace(":", "")
    number = 1
    while (place := parent / f"collected-{moment}{f'.{number}' if number > 1 else ''}").exists():
        number += 1
    folder.chmod(0o755)
    return folder.rename(place)


def clear_written(folder: Path) -> None:
    """Take everything out of a folder that was made of its evidence."""
    for path in folder.iterdir():
        if path.name != EVIDENCE:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    shutil.rmtree(folder / EVIDENCE / IMPORTED, ignore_errors=True)


def clear_up(out: Path, progress: Progress) -> None:
    """Deal with what killed runs left in an output folder: what can be gone on with stays, everything else goes."""
    for folder in left_over(out):
        pack = folder / PACK if (folder / PACK).is_dir() else folder
        if worth_keeping(folder):
            words = f"go on with it by its command and --resume, or remove {folder}"
            progress(f"A run before this one was ended while it was at work: {words}", 0, 0)
        elif (pack / EVIDENCE / SCOPE).is_file():
            progress(f"A run before this one was ended: {_how_to_go_on(keep(pack, out))}", 0, 0)
            shutil.rmtree(folder, ignore_errors=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)
            progress(f"Removed {folder.name}, which a run left behind that was ended while it collected", 0, 0)


def _how_to_go_on(place: Path) -> str:
    return f"what was collected is kept; go on with: auditor render {place}"
