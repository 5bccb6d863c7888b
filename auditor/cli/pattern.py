"""``auditor pattern check | test``: what filter patterns and EventBridge patterns mean, before anything is deployed."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.base.counts import first_of
from auditor.base.errors import UsageError
from auditor.base.suggest import all_of
from auditor.cli import pattern_try
from auditor.cli.documents import echo_json
from auditor.cli.files import say
from auditor.cli.pattern_code import read_code

if TYPE_CHECKING:
    from auditor.catalog.load import Catalog
    from auditor.monitoring.infrastructure.values import Code
    from auditor.monitoring.patterns.judge import Coverage
    from auditor.monitoring.patterns.requirement import Requirement

COVERED, NOT_COVERED, INVALID, UNDECIDED = 0, 1, 2, 3
_FORM = "auditor.pattern-check/1"


@click.group(name="pattern")
def command() -> None:
    """Judge metric filter and EventBridge patterns by meaning; needs no AWS account."""


@command.command()
@click.argument("patterns", metavar="[PATTERN]...", nargs=-1)
@click.option("--control", "control_id", metavar="ID", help="Monitoring control, such as monitor-cloudtrail-changes.")
@click.option("--framework", metavar="ID", help="Edition whose events count; default: the newest.")
@click.option("--controls", multiple=True, metavar="DIR", help="Folder with own controls; repeatable.")
@click.option(
    "--terraform",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Judge a folder, a *.tf file or a plan in JSON (- for stdin).",
)
@click.option(
    "--cloudformation",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Judge a template, JSON or YAML, or a folder of them, such as cdk.out.",
)
@click.option("--var", "variables", multiple=True, metavar="NAME=VALUE", help="Variable or parameter; repeatable.")
@click.option(
    "--var-file",
    "variable_files",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Terraform variables, as for Terraform; repeatable.",
)
@click.option("--sarif", metavar="FILE", type=click.Path(path_type=Path), help="Write findings as SARIF as well.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def check(
    patterns: tuple[str, ...],
    control_id: str | None,
    framework: str | None,
    controls: tuple[str, ...],
    terraform: Path | None,
    cloudformation: Path | None,
    variables: tuple[str, ...],
    variable_files: tuple[Path, ...],
    sarif: Path | None,
    *,
    as_json: bool,
) -> int:
    """Say whether patterns together catch every event that a control names, and what they miss.

    Several patterns count together. A pattern that is a JSON object is taken for an EventBridge pattern. Without
    --control, one line for each control that the framework asks for. Exit code 0: covered; 1: not covered; 2: a
    pattern is not valid, or the input cannot be read; 3: not decided.
    """
    if terraform is not None and cloudformation is not None:
        raise UsageError("give either --terraform or --cloudformation")
    catalog = _catalog(controls)
    if terraform is not None or cloudformation is not None:
        if patterns:
            raise UsageError("give either patterns or infrastructure code")
        names = (control_id,) if control_id else _asked_by(catalog, framework)
        asked = [(name, _requirement(catalog, name, framework)) for name in names]
        read = read_code(terraform, cloudformation, variables, variable_files)
        return _check_code(read, asked, framework, terraform or cloudformation or Path(), sarif, as_json=as_json)
    if not patterns or (control_id is None and framework is None):
        raise UsageError("give --control or --framework, and at least one pattern", hint="auditor pattern check --help")
    if control_id is None:
        asked = [(name, _requirement(catalog, name, framework)) for name in _asked_by(catalog, framework)]
        return _check_all(patterns, asked, framework, as_json=as_json)
    from auditor.monitoring.patterns.judge import judge_patterns

    found = judge_patterns(_requirement(catalog, control_id, framework), patterns)
    code = _code(found)
    if as_json:
        asked_for = {"control": control_id, "framework": framework or ""}
        echo_json({"schema": _FORM, "exit_code": code, **asked_for, **found.document()})
    else:
        _point_at_mistakes(patterns)
        _tell(control_id, found)
    return code


def _check_all(
    patterns: Sequence[str], asked: Sequence[tuple[str, "Requirement"]], framework: str | None, *, as_json: bool
) -> int:
    """Judge patterns for each control that a framework asks for: one line for each."""
    from auditor.monitoring.patterns.judge import judge_patterns

    rows = [(name, judge_patterns(requirement, patterns)) for name, requirement in asked]
    codes = [_code(found) for _, found in rows]
    ended = INVALID if INVALID in codes else max(codes, key=_WORST_LAST.index, default=COVERED)
    if as_json:
        controls = [{"control": name, **found.document()} for name, found in rows]
        echo_json(
            {
                "schema": _FORM,
                "exit_code": ended,
                "framework": framework or "",
                "valid": ended != INVALID,
                "covers": {COVERED: True, NOT_COVERED: False}.get(ended),
                **{key: _of_all(controls, key) for key in ("missed", "narrowed_by", "adds")},
                "notes": list(dict.fromkeys(note for _, found in rows for note in found.notes)),
                "controls": controls,
            }
        )
        return ended
    _point_at_mistakes(patterns)
    for name, found in rows:
        missed = first_of(list(dict.fromkeys(one.name for one in found.missed)), _PLACES)
        example = f": misses {missed}; for example, {found.missed[0].words}" if found.missed else ""
        say(f"{_VERDICTS[_code(found)]:<12} {name}{example}")
    return ended


def _point_at_mistakes(patterns: Sequence[str]) -> None:
    from auditor.monitoring.patterns.errors import PatternError, TooComplexError
    from auditor.monitoring.patterns.pattern import parse_pattern

    for text in patterns:
        try:
            parse_pattern(text)
        except PatternError as error:
            say(f"{error.message}{error.hint}")
        except TooComplexError as error:
            say(f"too complex to be decided: {error}")


@cache
def _catalog(own: tuple[str, ...]) -> "Catalog":
    from auditor.base.locate import controls_folder
    from auditor.catalog.load import load_catalog
    from auditor.evaluate.checks import find_check

    folders = [Path(name) for name in own]
    if missing := [path for path in folders if not path.is_dir()]:
        raise UsageError(f"there is no folder {missing[0]} with own controls")
    return load_catalog(controls_folder(), own=folders, has_check=lambda name: find_check(name) is not None)


def _requirement(catalog: "Catalog", control_id: str, framework: str | None) -> "Requirement":
    from auditor.monitoring.patterns.requirement import requirement_from

    parameters = _parameters(catalog, control_id, framework)
    try:
        return requirement_from(control_id, parameters)
    except ValueError as error:
        raise UsageError(str(error)) from error


def monitoring_controls(catalog: "Catalog") -> tuple[str, ...]:
    """Return the ids of the controls that patterns can be judged for."""
    return tuple(name for name, control in catalog.controls.items() if control.check.startswith("monitoring."))


def _parameters(catalog: "Catalog", control_id: str, framework: str | None) -> Mapping[str, Any]:
    known = monitoring_controls(catalog)
    if control_id not in known:
        raise UsageError(f"there is no monitoring control {control_id!r}", hint=all_of(control_id, known))
    control = catalog.controls[control_id]
    if framework is None:
        return control.parameters
    (chosen,) = catalog.select([framework])
    for requirement in chosen.requirements:
        if control_id in requirement.controls:
            return {**control.parameters, **requirement.parameters}
    raise UsageError(f"{framework} does not ask for {control_id}")


def _code(found: "Coverage") -> int:
    if not found.valid:
        return INVALID
    return UNDECIDED if found.covers is None else COVERED if found.covers else NOT_COVERED


_VERDICTS = {
    COVERED: "covered",
    NOT_COVERED: "not covered",
    INVALID: "not valid",
    UNDECIDED: "not decided",
}


def _tell(title: str, found: "Coverage") -> None:
    say(f"{title}: {_VERDICTS[_code(found)]}")
    for note in found.notes:
        say(f"  note         {note}")
    for missed in found.missed:
        hint = f"; {missed.hint}" if missed.hint else ""
        say(f"  misses       {missed.name}: {missed.words}{hint}")
    for narrowed in found.narrowed_by:
        say(f"  narrowed by  {narrowed.clause}: {narrowed.reason}")
    for added in found.adds:
        say(f"  also catches {added.words}")
    if found.missed:
        say("An event that is missed:")
        say(json.dumps(found.missed[0].event, indent=2, ensure_ascii=False))


def _check_code(
    code: "Code",
    asked: Sequence[tuple[str, "Requirement"]],
    framework: str | None,
    path: Path,
    sarif: Path | None,
    *,
    as_json: bool,
) -> int:
    from auditor.monitoring.infrastructure.account import Infrastructure, document
    from auditor.monitoring.infrastructure.sarif import sarif_of

    found = Infrastructure(code)
    rows = [(name, found.detect(requirement)) for name, requirement in asked]
    ended = max((_answer_code(answer.state.value) for _, answer in rows), key=_WORST_LAST.index, default=COVERED)
    if found.invalid:
        ended = INVALID
    if sarif is not None:
        sarif.write_text(json.dumps(sarif_of(rows, found.invalid, path), indent=2) + "\n", encoding="utf-8")
    if as_json:
        controls = [{"control": name, **document(answer)} for name, answer in rows]
        echo_json(
            {
                "schema": _FORM,
                "exit_code": ended,
                "framework": framework or "",
                "valid": not found.invalid,
                "covers": {COVERED: True, NOT_COVERED: False}.get(ended),
                "invalid": list(found.invalid),
                **{key: _of_all(controls, key) for key in ("missed", "narrowed_by", "adds")},
                "notes": list(found.notes),
                "controls": controls,
            }
        )
        return ended
    for problem in found.invalid:
        say(f"not valid    {problem}")
    if not found.has_detectors and not code.unread:
        say(f"{path} has no metric filter, no alarm and no EventBridge rule.")
    for name, answer in rows:
        places = f" ({', '.join(answer.places[:_PLACES])})" if answer.places else ""
        say(f"{_VERDICTS[_answer_code(answer.state.value)]:<12} {name}: {answer.reason}{places}")
    for note in found.notes:
        say(f"note: {note}")
    return ended


def _of_all(controls: Sequence[Mapping[str, Any]], key: str) -> list[Mapping[str, Any]]:
    return [{"control": one["control"], **item} for one in controls for item in one[key]]


_WORST_LAST = (COVERED, UNDECIDED, NOT_COVERED)
_PLACES = 3
"""Files and lines that one answer names."""


def _answer_code(state: str) -> int:
    return {"ok": COVERED, "broken": NOT_COVERED}.get(state, UNDECIDED)


def _asked_by(catalog: "Catalog", framework: str | None) -> tuple[str, ...]:
    known = monitoring_controls(catalog)
    if framework is None:
        asked = {name for chosen in catalog.frameworks.values() for name in chosen.controls}
        return tuple(name for name in known if name in asked) or known
    (chosen,) = catalog.select([framework])
    return tuple(name for name in known if name in chosen.controls)


command.add_command(pattern_try.command)
