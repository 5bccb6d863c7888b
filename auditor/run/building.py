"""Which program this is, as exactly as it can tell: version, commit, a hash over its files, interpreter, libraries."""

import os
import platform
import zlib
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from importlib import metadata
from pathlib import Path

from auditor import __version__
from auditor.base.canonical import sha256_hex
from auditor.base.locate import controls_folder, templates_folder
from auditor.render.pdf import layout_libraries
from auditor.seal.manifest import Tool

_PACKAGE = Path(__file__).parent.parent
_CHECKOUT = _PACKAGE.parent
_SHAPING = ("cryptography", "fonttools", "jinja2", "orjson", "pydyf", "tinycss2", "weasyprint", "xlsxwriter")
"""Distributions whose version may show in the bytes of a pack."""

_LATER = ("_data", "__pycache__")
"""Below the package: copies of what is hashed under its own name, and what Python keeps for itself."""


@cache
def this_build(*, drawn: bool = True) -> Tool:
    """Return what this installation knows about itself; worked out once.

    Args:
        drawn: whether a PDF is laid out: only then the libraries matter that take a second to load.
    """
    lock = _CHECKOUT / "requirements.lock"
    return Tool(
        name="auditor",
        version=__version__,
        commit=_commit(_CHECKOUT / ".git"),
        lockfile_sha256=sha256_hex(lock.read_bytes()) if lock.is_file() else "",
        sources_sha256=_sources_sha256(),
        python=platform.python_version(),
        platform=" ".join(part for part in (platform.system(), platform.machine(), *platform.libc_ver()) if part),
        libraries=_libraries() if drawn else {},
    )


def _libraries() -> dict[str, str]:
    found = {"zlib": zlib.ZLIB_RUNTIME_VERSION, **layout_libraries()}
    for name in _SHAPING:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # an extra that is not installed shapes nothing
    return dict(sorted(found.items()))


def _sources_sha256() -> str:
    """Hash code, catalogue and templates by name and content: the same for a checkout and the wheel made of it."""
    roots = {"auditor": _PACKAGE, "controls": controls_folder(), "templates": templates_folder()}
    lines = [
        f"{sha256(path.read_bytes()).hexdigest()}  {name}/{path.relative_to(root).as_posix()}\n"
        for name, root in roots.items()
        for path in _sources(root)
    ]
    return sha256_hex("".join(sorted(lines)).encode())


def _sources(root: Path) -> Iterator[Path]:
    """Yield what is hashed of a folder."""
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in _LATER]
        for name in names:
            path = Path(folder, name)
            if name not in _LATER and path.suffix != ".pyc" and path.is_file():
                yield path


def _commit(git: Path) -> str:
    """Return the commit that a checkout stands at, read from its files; empty where there is none."""
    try:
        folder = Path(git.read_text("utf-8").removeprefix("gitdir:").strip()) if git.is_file() else git
        head = (folder / "HEAD").read_text("utf-8").strip()
        if not head.startswith("ref:"):
            return head
        reference = head.removeprefix("ref:").strip()
        common = folder / "commondir"
        shared = (folder / common.read_text("utf-8").strip()) if common.exists() else folder
        if (shared / reference).exists():
            return (shared / reference).read_text("utf-8").strip()
        packed = (shared / "packed-refs").read_text("utf-8").splitlines()
        return next((line.split()[0] for line in packed if line.endswith(f" {reference}")), "")
    except OSError:
        return ""


def apart(stated: Tool, *, drawn: bool) -> tuple[str, ...]:
    """Name what tells this build from the one that a pack states, as far as it matters for the bytes of a file.

    Args:
        stated: by the pack.
        drawn: whether the file was laid out by libraries, as the PDF is; otherwise our own code alone shapes it.
    """
    ours = this_build(drawn=drawn)
    pairs = [("auditor", stated.version, ours.version), ("sources", stated.sources_sha256, ours.sources_sha256)]
    if drawn:
        pairs += [("Python", stated.python, ours.python), ("platform", stated.platform, ours.platform)]
        pairs += [
            (name, stated.libraries.get(name, ""), ours.libraries.get(name, ""))
            for name in sorted({*stated.libraries, *ours.libraries})
        ]
    known = tuple(f"{name} {was[:40]} there, {here[:40]} here" for name, was, here in pairs if was and was != here)
    return known or (("libraries that are not recorded",) if drawn and not stated.libraries else ())
