"""Packs opened from a folder or a zip, written as a zip, and unpacked.

A zip is byte for byte the same for the same files; what is unpacked has lawful names only.
"""

import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, BinaryIO

from auditor.base.counts import counted, first_of
from auditor.base.errors import IntegrityError, SealError, UsageError
from auditor.base.given import open_given
from auditor.base.whole import written_into
from auditor.seal.contents import DEFAULT_LIMITS, SUMS, FolderFiles, Limits, PackFiles
from auditor.seal.manifest import MANIFEST
from auditor.seal.names import shown
from auditor.seal.zipfiles import ZipFiles

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest date a zip can carry: files in a pack have no dates of their own."""

_UNIX = 3
_PLAIN_FILE = 0o100644 << 16
_LEVEL = 6
_MOST_NAMED = 5


@contextmanager
def open_pack(path: Path, limits: Limits = DEFAULT_LIMITS) -> Iterator[PackFiles]:
    """Open a pack, folder or zip.

    Raises:
        UsageError: there is nothing at ``path``, or it is neither a folder nor a zip file.
        IntegrityError: it is one, but cannot be read within ``limits``.
    """
    if path.is_dir():
        yield FolderFiles(path, limits)
    elif path.exists():
        with _zip_at(path) as file:
            yield ZipFiles(file, limits)
    else:
        raise UsageError(f"there is no pack at {path}")


def _zip_at(path: Path) -> BinaryIO:
    with ExitStack() as undo:
        try:
            file = undo.enter_context(open_given(path))
            if file.read(2) != b"PK" and not zipfile.is_zipfile(file):
                raise UsageError(f"{path} is neither the folder nor the zip of a pack")
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
        undo.pop_all()
    return file


@contextmanager
def open_sealed(path: Path, limits: Limits = DEFAULT_LIMITS) -> Iterator[PackFiles]:
    """Open what was sealed as a pack, whatever became of it.

    Raises:
        UsageError: as ``open_pack``, and where nothing of a pack's own is there.
        IntegrityError: as ``open_pack``.
    """
    with open_pack(path, limits) as files:
        if SUMS not in files.sizes and MANIFEST not in files.sizes:
            raise _no_pack(path, files)
        yield files


def _no_pack(path: Path, files: PackFiles) -> UsageError:
    """Say what is there instead of a pack: nothing of one, or others further inside."""
    marks = (f"/{SUMS}", f"/{MANIFEST}")
    inside = sorted({name.rpartition("/")[0] for name in files.sizes if name.endswith(marks)})
    if not inside:
        return UsageError(f"{path} is no pack: it holds neither {SUMS} nor {MANIFEST}")
    named = first_of(inside, _MOST_NAMED, shown)
    number = "one" if len(inside) == 1 else counted(len(inside), "pack")
    hint = "name the folder of the pack" if path.is_dir() else "unpack it, and name the folder of the pack"
    return UsageError(f"{path} is no pack itself, but holds {number}: {named}", hint=hint)


def pack_zip(folder: Path, file: Path) -> None:
    """Write the files of ``folder`` into ``file``, below a folder of the same name.

    Sorted names, one date, one mode and one compression level: the bytes depend on the files (and on zlib) alone. A
    device or a pipe is written into: renaming would put a zip where the machine's /dev/null is.

    Raises:
        SealError: the folder holds something that no pack may hold.
    """
    pack = FolderFiles(folder)
    if pack.problems:
        raise SealError(f"{pack.problems[0].path} {pack.problems[0].message}")
    if written_into(file):
        with TemporaryFile() as whole:
            _write_zip(pack, folder.name, whole)
            whole.seek(0)
            with file.open("wb") as target:
                shutil.copyfileobj(whole, target)
        return
    partial = file.with_name(f".{file.name}.partial")
    try:
        with partial.open("wb") as target:
            _write_zip(pack, folder.name, target)
        os.replace(partial, file)  # noqa: PTH105 - atomic: nobody sees half a zip
    finally:
        partial.unlink(missing_ok=True)


def _write_zip(pack: PackFiles, above: str, file: IO[bytes]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for path, size in pack.sizes.items():
            info = zipfile.ZipInfo(f"{above}/{path}", _EPOCH)
            info.create_system = _UNIX
            info.external_attr = _PLAIN_FILE
            info.compress_type = zipfile.ZIP_DEFLATED
            info.file_size = size
            with archive.open(info, "w") as target:
                for chunk in pack.chunks(path):
                    target.write(chunk)


def unpack(pack: PackFiles, folder: Path) -> None:
    """Write the lawful files of a pack below ``folder``, which must be new or empty.

    Raises:
        IntegrityError: a file cannot be read, or two names differ only in case on a system that cannot keep them apart.
    """
    for path in pack.sizes:
        target = folder / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                for chunk in pack.chunks(path):
                    file.write(chunk)
        except (FileExistsError, NotADirectoryError) as error:
            raise IntegrityError(f"{path} stands twice in the pack, or is a file and a folder at once") from error
