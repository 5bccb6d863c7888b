"""Results as a document and as bytes: as this program writes them, or as another build of it did. Derives nothing."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from io import BytesIO
from itertools import zip_longest
from typing import Any, Self

from auditor.base.canonical import canonical_json
from auditor.base.untrusted import parse_json


@dataclass(frozen=True, kw_only=True)
class Told:
    """What everything in a pack is made of that is not evidence.

    Args:
        stated: ``results.json`` as another build wrote it; empty for as this one does.
    """

    stated: bytes = b""

    @abstractmethod
    def derived(self) -> Mapping[str, Any]:
        """Return the results document as this program writes it."""

    @cached_property
    def document(self) -> Mapping[str, Any]:
        """The results document."""
        derived = self.derived()
        return {**derived, **_in_order(_object(self.stated), derived)} if self.stated else derived

    def written(self) -> Iterator[bytes]:
        """Yield the bytes of ``results.json`` as this program writes it."""
        yield canonical_json(dict(self.document))

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes of ``results.json``."""
        return iter((self.stated,)) if self.stated else self.written()

    @property
    def data(self) -> bytes:
        """The same bytes at once."""
        file = BytesIO()
        file.writelines(self.pieces())  # joining would hold them all, each in a block larger than itself
        return file.getvalue()

    def told(self, data: bytes) -> Self:
        """Return the same with results as another build wrote them; parts that those lack are as this one has them.

        Args:
            data: the bytes of a stranger's ``results.json``.

        Raises:
            ValueError, TypeError: they are no JSON object.
        """
        _object(data)
        return replace(self, stated=data)

    def name(self, as_of: datetime) -> str:
        """Return what names pack and report on every page: their moment and the first digits of the results' hash."""
        found = sha256()
        for piece in self.pieces():
            found.update(piece)
        return f"{as_of:%Y%m%dT%H%M%SZ}-{found.hexdigest()[:8]}"


def _in_order(value: Any, model: Any) -> Any:
    """Return a value with its members in the order of another one: canonical JSON has none, and tables follow it."""
    if isinstance(value, Mapping) and isinstance(model, Mapping):
        names = [*(name for name in model if name in value), *(name for name in value if name not in model)]
        return {name: _in_order(value[name], model.get(name)) for name in names}
    if isinstance(value, list) and isinstance(model, Sequence) and not isinstance(model, str):
        return [_in_order(item, like) for item, like in zip_longest(value, model[: len(value)])]
    return value


def _object(data: bytes) -> Mapping[str, Any]:
    document = parse_json(data)
    if not isinstance(document, dict):
        raise TypeError("it is no JSON object")
    return document
