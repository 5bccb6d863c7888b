"""The SDK's service models, read in compiled code, once a process, without the operations that are not permitted.

A run makes clients of some thirty services. With the SDK's own loader a third of a second of CPU went into reading
their models (gzipped JSON), and a listing of every service that there is went before.
"""

import gzip
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import orjson
from botocore.exceptions import DataNotFoundError
from botocore.loaders import JSONFileLoader, Loader

_MODEL: Final = "service-2"
_ENDPOINTS: Final = "endpoints"

_known: dict[tuple[tuple[str, ...], str, str, str | None], Any] = {}
"""What was read so far, by search path, service, kind and version. Sessions share it, and nobody changes it."""


class Unread(Mapping[str, Any]):
    """Entries of a JSON object by name, each read when it is first asked for.

    A run uses a fortieth of the shapes in EC2's model; all of them, as Python objects, are 15 MiB.

    Args:
        entries: each as it stands in the file.
    """

    def __init__(self, entries: Mapping[str, msgspec.Raw]) -> None:
        self._entries = entries
        self._known: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._known:
            self._known[name] = orjson.loads(memoryview(self._entries[name]))
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_LATER: Final = frozenset({"operations", "shapes"})
"""Parts of a model that are read entry by entry."""


class _Files(JSONFileLoader):  # type: ignore[misc]  # the SDK has no types
    """Reads a file as the SDK does: plain JSON before gzipped, nothing where there is neither."""

    def load_file(self, file_path: str) -> Any:
        """Return what a file holds, its name given without its end; None when there is none."""
        for ending, unpacked in ((".json", bytes), (".json.gz", gzip.decompress)):
            try:
                data = Path(file_path + ending).read_bytes()
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                continue
            return _read(unpacked(data), Path(file_path).name)
        return None


def _read(data: bytes, name: str) -> Any:
    if name == _MODEL:
        return _model(data)
    if name == _ENDPOINTS:
        return _endpoints(data)
    return orjson.loads(data)


def _endpoints(data: bytes) -> Any:
    """Read where services of all partitions are, each service only by name: a run asks for a twelfth of them."""
    return {
        name: [_parts(partition, {"services"}) for partition in _LIST.decode(part)]
        if name == "partitions"
        else orjson.loads(memoryview(part))
        for name, part in _FIELDS.decode(data).items()
    }


def _model(data: bytes) -> Any:
    """Read a service's model, its operations and shapes only by name."""
    return _parts(data, _LATER)


def _parts(data: bytes | msgspec.Raw, later: Collection[str]) -> dict[str, Any]:
    return {
        name: Unread(_FIELDS.decode(part)) if name in later else orjson.loads(memoryview(part))
        for name, part in _FIELDS.decode(data).items()
    }


class Models(Loader):  # type: ignore[misc]  # as above
    """Gives the SDK service models without the operations that are not permitted: its clients lack the very methods.

    It also makes clients quicker to build: of EC2's 830 methods 300 are left.

    Args:
        search_paths: where the session's own loader looks, in order.
        permits: says whether ``service:Operation`` may be called.
    """

    def __init__(self, search_paths: Sequence[str], permits: Callable[[str], bool]) -> None:
        super().__init__(list(search_paths), _Files(), include_default_search_paths=False)
        self._permits = permits
        self._permitted: dict[tuple[str, str | None], Any] = {}

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        """Load a model as the SDK's own loader does.

        Raises:
            UnknownServiceError: there is no such model, in the SDK's words.
        """
        if type_name != _MODEL:
            return self._whole(service_name, type_name, api_version)
        key = (service_name, api_version)
        if key not in self._permitted:
            model = self._whole(*key[:1], type_name, api_version)
            operations = model["operations"]
            kept = {name: operations[name] for name in operations if self._permits(f"{service_name}:{name}")}
            self._permitted[key] = {**model, "operations": kept}
        return self._permitted[key]

    def _whole(self, service: str, kind: str, version: str | None) -> Any:
        key = (tuple(self.search_paths), service, kind, version)
        if key not in _known:
            _known[key] = self._load(service, kind, version)
        return _known[key]

    def _load(self, service: str, kind: str, version: str | None) -> Any:
        """Load one service's model; to know that there is one, no other's folder is looked into."""
        try:
            version = version or self.determine_latest_version(service, kind)
            model = self.load_data(f"{service}/{version}/{kind}")
        except DataNotFoundError:
            return super().load_service_model(service, kind, version)
        if extras := list(self._find_extras(service, kind, version)):
            model = {name: dict(part) if isinstance(part, Unread) else part for name, part in model.items()}
            self._extras_processor.process(model, extras)
        return model


def forget() -> None:
    """Let go of all models that were read; sessions that are open keep theirs, and the next one reads them again."""
    _known.clear()
