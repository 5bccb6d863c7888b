"""Calls as lines of a shell script for the AWS command line interface. Whatever a name holds stays in its quotes."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from auditor.remedy.change import Asked, Look, Made, Remedy, Step, in_order

_COMMANDS = {"config": "configservice", "s3": "s3api"}
"""Services whose command has another name than the SDK's."""
_RENAMED = {("sns", "Subscribe", "Endpoint"): "notification-endpoint"}
"""Options whose name is not that of the parameter."""
_AS_DOCUMENT = frozenset({("config", "PutConfigurationRecorder")})
"""Calls of which the command line interface takes options of its own; their parameters go in as one document."""
_READ_FROM_ELSEWHERE = ("-", "file://", "fileb://", "http://", "https://", "[", "{")
"""Beginnings of values that the command line interface would take for options, addresses of files, or structures."""

PREAMBLE = r"""set -euo pipefail
export AWS_PAGER=""
said=$(mktemp)
trap 'rm -f "$said"' EXIT

# Runs one command. The error codes in the first argument mean that there is no such thing, or that it is done already.
tolerate() {
  local codes="$1"
  shift
  if "$@" 2>"$said"; then return 0; fi
  if [ -n "$codes" ] && grep -Eq "\(($codes)\)" "$said"; then return 0; fi
  cat "$said" >&2
  return 1
}

# Prints what a look finds; nothing where AWS says None or that there is no such thing.
look() {
  local found
  found=$(tolerate "$@") || return 1
  if [ "$found" != None ]; then printf '%s' "$found"; fi
}

# Stops unless what is there now is one of the values that follow.
expect() {
  local what="$1" now="$2" seen
  shift 2
  for seen in "$@"; do if [ "$now" = "$seen" ]; then return 0; fi; done
  printf 'stopped: %s is not what the evidence shows; audit again. Now it is: %s\n' "$what" "$now" >&2
  return 1
}
"""


def kebab(name: str) -> str:
    """Return an AWS name as the command line interface spells it: ``KmsKeyId`` becomes ``kms-key-id``."""
    parted = re.sub(r"(.)([A-Z][a-z]+)", r"\1-\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1-\2", parted).lower()


def words_of(service: str, operation: str, region: str, parameters: Mapping[str, Any]) -> list[str]:
    """Return a call as words of a shell line, each quoted already."""
    words = ["aws", _COMMANDS.get(service, service), kebab(operation), "--region", shlex.quote(region)]
    if (service, operation) in _AS_DOCUMENT or any(_misread(value) for value in parameters.values()):
        return [*words, "--cli-input-json", shlex.quote(_document(parameters))]
    for name, value in parameters.items():
        option = _RENAMED.get((service, operation, name), kebab(name))
        words += _option(option, value)
    return words


def _option(option: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [f"--{option}" if value else f"--no-{option}"]
    if isinstance(value, list | tuple) and all(not isinstance(item, Mapping) for item in value):
        return [f"--{option}", *map(_word, value)]
    return [f"--{option}", _word(value)]


def _word(value: Any) -> str:
    if isinstance(value, Asked):
        return f'"${value.name}"'
    if isinstance(value, Made):
        return f'"${{{value.name}[@]}}"' if value.many else f'"${value.name}"'
    if isinstance(value, Mapping | list | tuple):
        return shlex.quote(_document(value))
    return shlex.quote(str(value))


def _document(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, default=_refuse)


def _refuse(value: Any) -> Any:
    raise TypeError(f"{value!r} cannot stand inside a document: the shell would not fill it in")


def _misread(value: Any) -> bool:
    """Say whether the command line interface would take a plain text for something else."""
    if isinstance(value, list | tuple):
        return any(_misread(item) for item in value)
    return isinstance(value, str) and value.startswith(_READ_FROM_ELSEWHERE) and not value.startswith(("{ ", '{"'))


def _looked(found: Look, region: str) -> str:
    words = words_of(found.service, found.operation, region, found.parameters)
    codes = shlex.quote("|".join(found.absent))
    return f"look {codes} {' '.join(words)} --query {shlex.quote(found.query)} --output text"


def _lines(step: Step) -> Iterator[str]:
    yield f"# {comment(step.words)}"
    line = " ".join(words_of(step.service, step.operation, step.region, step.parameters))
    if step.tolerated:
        line = f"tolerate {shlex.quote('|'.join(step.tolerated))} {line}"
    if step.unless is not None:
        variable = step.gives or "FOUND"
        yield f"{variable}=$({_looked(step.unless, step.region)})"
        yield f'if [ -z "${variable}" ]; then'
        yield from (f"  {part}" for part in (*_expectation(step), _with_value(step, line)))
        yield "fi"
        return
    yield from _expectation(step)
    if step.needs is not None:
        yield f"FOUND=$({_looked(step.needs, step.region)})"
        yield f'read -r -a {step.listed} <<<"$FOUND"'
        yield f'if [ -n "$FOUND" ]; then {line}; fi'
    else:
        yield _with_value(step, line)


def _with_value(step: Step, line: str) -> str:
    return f"{step.gives}=$({line} --query {shlex.quote(step.query)} --output text)" if step.gives else line


def _expectation(step: Step) -> Iterator[str]:
    if step.expects is not None:
        yield f"FOUND=$({_looked(step.expects, step.region)})"
        values = " ".join(shlex.quote(value) for value in step.expected)
        yield f'expect {shlex.quote(comment(step.words))} "$FOUND" {values}'


def comment(words: str) -> str:
    """Return text that stays on one line of comment, whatever it holds."""
    return "".join(mark if mark.isprintable() else " " for mark in words)


def asked_of(steps: tuple[Step, ...]) -> dict[str, str]:
    """Return the values that a person has to give, with what they are."""
    return {value.name: value.words for step in steps for value in step.parameters.values() if isinstance(value, Asked)}


def script(title: str, remedies: tuple[Remedy, ...], *, account: str, undo: bool = False) -> str:
    """Return a script that makes, or undoes, the changes of some remedies in one account.

    It stops at the first error, and before the first change when its credentials belong to another account.
    """
    chosen = [step for remedy in remedies for step in (remedy.undo if undo else remedy.steps)]
    steps = _once(chosen, ordered=not undo)
    out = [
        "#!/usr/bin/env bash",
        f"# {comment(title)}",
        "# Read it before you run it. Running it twice changes nothing.",
        "#",
    ]
    for remedy in remedies:
        found = remedy.finding
        place = f"{found.control}: {found.resource} in {found.region} ({', '.join(found.evidence)})"
        out.append(f"# {comment(place)}")
        out.append(f"#   {comment(found.reason)}")
    out += ["", PREAMBLE]
    out += [f': "${{{name}:?set it to {words}}}"' for name, words in asked_of(steps).items()]
    out += [
        "CALLER=$(aws sts get-caller-identity --query Account --output text)",
        f'if [ "$CALLER" != {account} ]; then',
        f'  echo "these changes are for account {account}, not for $CALLER" >&2',
        "  exit 1",
        "fi",
    ]
    for step in steps:
        out += ["", *_lines(step)]
    return "\n".join(out) + "\n"


def _once(steps: list[Step], *, ordered: bool) -> tuple[Step, ...]:
    if ordered:
        return in_order(tuple(steps))
    kept: list[Step] = []
    for step in steps:
        if step not in kept:
            kept.append(step)
    return tuple(kept)
