"""A results document but for what its controls hold, which is by far the most of it: what sealing reads of it."""

from typing import Any

import msgspec
import orjson


class _Control(msgspec.Struct):
    """What is read of a control."""

    id: str
    state: str


def outline(data: bytes) -> dict[str, Any]:
    """Return the members of a results document; of its controls only id and state.

    Args:
        data: ``results.json``, of a run, of an organization or of an assembled pack.

    Raises:
        ValueError: it is no JSON object, or a control has no id or state.
    """
    try:
        members = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        controls = msgspec.json.decode(members.pop("controls", b"[]"), type=list[_Control])
    except msgspec.MsgspecError as error:
        raise ValueError(f"not a results document: {error}") from error
    found: dict[str, Any] = {name: orjson.loads(memoryview(part)) for name, part in members.items()}
    return {**found, "controls": [{"id": item.id, "state": item.state} for item in controls]}
