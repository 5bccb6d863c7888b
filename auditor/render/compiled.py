"""Keeps compiled templates beside the templates, as Python keeps compiled modules: half of a page's time.

Whoever could write a wrong one there could as well write another program. What is not as it was written is compiled
anew; a folder that cannot be written stays as it is.
"""

import marshal
import sys
from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256
from importlib.util import cache_from_source
from pathlib import Path
from types import CodeType
from typing import Final

import jinja2
from jinja2.bccache import Bucket, BytecodeCache

from auditor.base.whole import write_whole

_SUFFIX: Final = ".template"


class Compiled(BytecodeCache):
    """Compiled templates of one medium.

    Args:
        folder: of the templates.
        medium: what they are compiled for; part of the names.
        code: Python files whose functions templates call. A call with constants is made once, while compiling.
    """

    def __init__(self, folder: Path, medium: str, code: Iterable[Path]) -> None:
        self._folder = folder
        self._medium = medium
        states = [(path.name, path.stat()) for path in sorted(code)]
        called = [(name, state.st_size, state.st_mtime_ns) for name, state in states]
        self._made_by = repr((jinja2.__version__, sys.version, medium, called))

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        """Return what a template's file is named by."""
        del filename
        return name

    def get_source_checksum(self, source: str) -> str:
        """Return what a compiled template has to be of: this text, this medium, this code."""
        return sha256(f"{self._made_by}\0{source}".encode()).hexdigest()

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take what is kept of a template, if it is whole and of the same text."""
        with suppress(OSError):
            made_of, _, rest = self.place(bucket.key).read_bytes().partition(b"\n")
            digest, _, data = rest.partition(b"\n")
            if made_of == bucket.checksum.encode() and digest == sha256(data).hexdigest().encode():
                kept = marshal.loads(data)  # noqa: S302 - as trusted as the compiled modules of the program
                bucket.code = kept if isinstance(kept, CodeType) else None

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep a compiled template, unless Python is told to keep none or the folder is not ours to write."""
        if sys.dont_write_bytecode or bucket.code is None:
            return
        data = marshal.dumps(bucket.code)
        with suppress(OSError):
            write_whole(self.place(bucket.key), f"{bucket.checksum}\n{sha256(data).hexdigest()}\n".encode() + data)

    def place(self, name: str) -> Path:
        """Return where a compiled template is kept."""
        return Path(cache_from_source(str(self._folder / name), optimization=self._medium)).with_suffix(_SUFFIX)
