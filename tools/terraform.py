"""Holds Terraform code to an excerpt of its provider's schema: names, required arguments, nesting of blocks.

``terraform_schema.json`` says of each resource: argument -> whether it is required; block -> the same, and its
arguments. References, types of values and computed attributes are not looked at.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import hcl2

SCHEMA: Mapping[str, Any] = json.loads(Path(__file__).with_name("terraform_schema.json").read_text())["resources"]
_META = frozenset({"count", "for_each", "depends_on", "lifecycle", "provider", "provisioner", "connection", "timeouts"})


def remarks(text: str) -> list[str]:
    """Return what is wrong with the resources and data sources of a file."""
    parsed = hcl2.loads(text)
    found: list[str] = []
    for kind, prefix in (("resource", ""), ("data", "data.")):
        for block in parsed.get(kind, []):
            for name, labelled in block.items():
                of = prefix + _bare(name)
                if of not in SCHEMA:
                    found.append(f"{of}: not in the excerpt")
                    continue
                for label, body in labelled.items():
                    found += _body(body, SCHEMA[of], f"{of}.{_bare(label)}")
    return found


def _body(body: Mapping[str, Any], schema: Mapping[str, Any], where: str) -> Iterator[str]:
    dynamic = {_bare(name) for item in body.get("dynamic", []) for name in item}
    given = {_bare(name): value for name, value in body.items() if not name.startswith("__")}
    for name, value in given.items():
        if name in _META or name == "dynamic":
            continue
        if name not in schema:
            yield f"{where}: there is no argument {name}"
        elif isinstance(schema[name], list):
            if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
                yield f"{where}: {name} is a block"
                continue
            for item in value:
                yield from _body(item, schema[name][1], f"{where}.{name}")
        elif (
            isinstance(value, list)
            and value
            and all(isinstance(item, dict) and "__is_block__" in item for item in value)
        ):
            yield f"{where}: {name} is no block"
    for name, required in schema.items():
        needed = required[0] if isinstance(required, list) else required
        if needed and name not in given and name not in dynamic:
            yield f"{where}: {name} is missing"


def _bare(name: str) -> str:
    return name.strip('"')
