"""Where resources of Terraform will be: which provider makes them, in which account and Region."""

import json
import re
from collections.abc import Mapping
from typing import Any

from auditor.monitoring.infrastructure.source import Block
from auditor.monitoring.infrastructure.trace import Tracer, parent_of
from auditor.monitoring.infrastructure.values import Home

_PLAIN = re.compile(r'"([^"$%\\]*)"')
_HANDED = re.compile(r'"?([\w.-]+)"?\s*[=:]\s*"?([\w.-]+)"?')
_ASIDE = frozenset({"alias", "region", "default_tags", "ignore_tags", "version"})
"""What a provider says that does not tell into which account it gets."""


def home_of(block: Block, module: str, tracer: Tracer) -> Home:
    """Return where a resource will be.

    Args:
        block: the resource, as it is written.
        module: the module that it stands in.
        tracer: knows the folders.
    """
    name = _bare(block.values["provider"].text) if "provider" in block.values else "aws"
    home = _of_provider(name, module, tracer)
    if (own := block.values.get("region")) is not None:
        return Home(home.access, _said(own.text, module))
    return home


def _of_provider(name: str, module: str, tracer: Tracer) -> Home:
    """Follow a provider up to the module that configures it."""
    while module:
        above, call = parent_of(module)
        block = tracer.folder(above).calls.get(call)
        handed = block.values.get("providers") if block is not None else None
        given = dict(_HANDED.findall(handed.text)) if handed is not None else {}
        if name not in given and name != "aws":
            return Home(f"{module}{name}")
        name, module = given.get(name, name), above
    alias = name.partition(".")[2]
    folder = tracer.folder("")
    for provider in folder.providers:
        own = provider.values.get("alias")
        if provider.labels == ("aws",) and (_bare(own.text) if own is not None else "") == alias:
            changed = folder.changed("provider", provider.labels) is not None
            return Home(f"{_access(provider)}{name if changed else ''}", _said(_text_of(provider, "region"), ""))
    return Home(name if alias else "")


def _access(provider: Block) -> str:
    blocks = [one for one in provider.inside() if not {one.kind, *one.labels} & _ASIDE]
    found = {f"{one.kind}.{name}": value.text for one in blocks for name, value in one.values.items()}
    return "".join(f"{name} {text} " for name, text in sorted(found.items()) if name.partition(".")[2] not in _ASIDE)


def _text_of(block: Block, name: str) -> str:
    written = block.values.get(name)
    return written.text if written is not None else ""


def _said(text: str, module: str) -> str:
    """Return a Region as it is written, or the expression that gives it."""
    plain = _PLAIN.fullmatch(text)
    return plain[1] if plain else f"={module}{text}" if text else ""


def _bare(text: str) -> str:
    return text.strip('"')


def home_in_plan(resource: Mapping[str, Any], values: Mapping[str, Any], providers: Any) -> Home:
    """Return where a resource of a plan will be.

    Args:
        resource: as the configuration has it.
        values: as they are planned.
        providers: ``provider_config`` of the plan.
    """
    key = resource.get("provider_config_key") or "aws"
    provider = providers.get(key) if isinstance(providers, Mapping) else None
    expressions = provider.get("expressions") if isinstance(provider, Mapping) else None
    expressions = expressions if isinstance(expressions, Mapping) else {}
    access = {name: one for name, one in expressions.items() if name not in _ASIDE}
    region = values.get("region")
    if not isinstance(region, str):
        given = expressions.get("region")
        said = given.get("constant_value") if isinstance(given, Mapping) else None
        region = said if isinstance(said, str) else f"={json.dumps(given, sort_keys=True)}" if given else ""
    known = isinstance(provider, Mapping) or key == "aws"
    return Home(json.dumps(access, sort_keys=True) if access else "" if known else str(key), region)
