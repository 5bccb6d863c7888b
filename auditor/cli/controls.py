"""``auditor controls list | show | validate | test``: the catalogue, own controls included. Asks AWS nothing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from auditor.base.counts import counted
from auditor.cli import printable
from auditor.cli.documents import echo_json
from auditor.cli.options import names_of

if TYPE_CHECKING:
    from auditor.catalog.load import Catalog
    from auditor.model import Control, Framework
    from auditor.run.trying import Tried

_own = click.option("--controls", "own", multiple=True, metavar="DIR", help="Folder with own controls; repeatable.")
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")


@click.group()
def command() -> None:
    """List, show and check the control catalogue."""


@command.command(name="list")
@click.option("--framework", "frameworks", multiple=True, metavar="ID", help="Framework edition; repeatable.")
@_own
@_json
def list_controls(frameworks: Sequence[str], own: Sequence[str], *, as_json: bool) -> int:
    """List the controls, all of them or those that frameworks ask for, requirement by requirement."""
    from auditor.run import open_catalog

    catalog = open_catalog(own)
    chosen = catalog.select(frameworks)
    if as_json:
        controls = catalog.controls_of(chosen) if chosen else tuple(catalog.controls.values())
        echo_json(
            {
                "schema": "auditor.controls/1",
                "exit_code": 0,
                "frameworks": [_framework_document(item) for item in chosen or catalog.frameworks.values()],
                "controls": [summary(item, chosen or tuple(catalog.frameworks.values())) for item in controls],
            }
        )
    elif chosen:
        for framework in chosen:
            _print_framework(catalog, framework)
    else:
        for control in catalog.controls.values():
            click.echo(printable(_line(control)))
        click.echo(
            f"{counted(len(catalog.controls), 'control')}, {counted(len(catalog.frameworks), 'framework')}", err=True
        )
    return 0


def _framework_document(framework: "Framework") -> dict[str, Any]:
    return {
        "id": framework.id,
        "title": framework.title,
        "edition": framework.edition,
        "requirements": [
            {
                "id": item.id,
                "title": item.title,
                "level": item.level,
                "assessment": item.assessment,
                "controls": list(item.controls),
                "suggested": list(item.suggested),
            }
            for item in framework.requirements
        ],
    }


def _line(control: "Control") -> str:
    return f"{control.id:<44} {control.severity.value:<13} {control.test_type.value:<4} {control.title}"


def _print_framework(catalog: "Catalog", framework: "Framework") -> None:
    click.echo(printable(f"{framework.id}: {framework.title} {framework.edition}".rstrip()))
    for item in framework.requirements:
        notes = [f"level {item.level}" if item.level else "", item.assessment]
        note = ", ".join(filter(None, notes))
        click.echo(printable(f"  {item.id}  {item.title}{f' ({note})' if note else ''}"))
        for name in item.controls:
            click.echo(printable(f"      {_line(catalog.controls[name])}"))
        for name in item.suggested:
            click.echo(printable(f"      {name:<44} suggested, to be confirmed by a person"))
        if not item.controls:
            click.echo("      no confirmed control bears on it")
    covered = sum(bool(item.controls) for item in framework.requirements)
    click.echo(
        f"{counted(len(framework.controls), 'control')} for {covered} of "
        f"{counted(len(framework.requirements), 'requirement')}",
        err=True,
    )


@command.command()
@click.argument("control_id", metavar="ID", shell_complete=names_of("controls"))
@_own
@_json
def show(control_id: str, own: Sequence[str], *, as_json: bool) -> int:
    """Show one control: what it asks, how it is tested, what it reads, and who asks for it."""
    from auditor.run import open_catalog

    catalog = open_catalog(own)
    control = catalog.control(control_id)
    document = details(control, catalog)
    if as_json:
        echo_json({"schema": "auditor.control/1", "exit_code": 0, **document})
        return 0
    click.echo(printable(f"{control.id}\n{control.title}\n"))
    for name in _SHOWN:
        if value := document[name]:
            _print_field(name, value)
    return 0


_SHOWN = (
    "severity",
    "test_type",
    "scope",
    "objective",
    "criterion",
    "test",
    "why",
    "evidence",
    "consults",
    "actions",
    "population",
    "pass_when",
    "check",
    "parameters",
    "when_empty",
    "remediation",
    "side_effects",
    "requirements",
    "suggested",
    "origin",
)


def _print_field(name: str, value: Any) -> None:
    match value:
        case dict():
            text = "; ".join(f"{key} {_joined(item)}" for key, item in value.items())
        case _:
            text = _joined(value)
    click.echo(printable(f"{name.replace('_', ' '):>13}  {text}"))


def _joined(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def summary(control: "Control", frameworks: Sequence["Framework"]) -> dict[str, Any]:
    """Return a control in a few fields, with the requirements that ask for it."""
    return {
        "id": control.id,
        "title": control.title,
        "severity": control.severity.value,
        "test_type": control.test_type.value,
        "service": control.service,
        "scope": control.scope.value,
        "requirements": _requirements(control, frameworks, suggested=False),
    }


def details(control: "Control", catalog: "Catalog") -> dict[str, Any]:
    """Return everything that the catalogue says about a control."""
    from auditor.evidence.operations import needed

    frameworks = tuple(catalog.frameworks.values())
    operations = needed(catalog.operations, (*control.evidence, *control.consults))
    return {
        **summary(control, frameworks),
        "objective": control.objective,
        "criterion": control.criterion,
        "test": control.test,
        "why": control.why,
        "evidence": list(control.evidence),
        "consults": list(control.consults),
        "actions": sorted({item.action for item in operations if item.action}),
        "population": control.population,
        "pass_when": control.pass_when,
        "check": control.check,
        "parameters": dict(control.parameters),
        "when_empty": control.when_empty.value if control.evidence else "",
        "remediation": control.remediation,
        "side_effects": control.side_effects,
        "suggested": _requirements(control, frameworks, suggested=True),
        "origin": control.origin,
    }


def _requirements(control: "Control", frameworks: Sequence["Framework"], *, suggested: bool) -> dict[str, list[str]]:
    found = {
        framework.id: [
            item.id for item in framework.requirements if control.id in (item.suggested if suggested else item.controls)
        ]
        for framework in frameworks
    }
    return {name: numbers for name, numbers in found.items() if numbers}


@command.command()
@click.argument("folders", nargs=-1, metavar="[DIR]...")
@_json
def validate(folders: Sequence[str], *, as_json: bool) -> int:
    """Check own control folders, or the product's catalogue alone; mistakes are named with file and line."""
    from auditor.run import open_catalog

    catalog = open_catalog(folders)
    product = open_catalog()
    own = [name for name in catalog.controls if name not in product.controls]
    asked = {name for framework in catalog.frameworks.values() for name in framework.controls}
    unasked = [name for name in own if name not in asked]
    if as_json:
        echo_json(
            {
                "schema": "auditor.controls-validate/1",
                "exit_code": 0,
                "controls": len(catalog.controls),
                "frameworks": len(catalog.frameworks),
                "own": own,
                "asked_for_by_no_framework": unasked,
            }
        )
        return 0
    click.echo(
        f"well formed: {counted(len(catalog.controls), 'control')} and {counted(len(catalog.frameworks), 'framework')}"
    )
    for name in own:
        note = "; no framework asks for it; --control does" if name in unasked else ""
        click.echo(printable(f"  own: {name}{note}"))
    return 0


@command.command(name="test")
@click.argument("chosen", metavar="[ID | DIR]", default="")
@_own
@_json
def try_controls(chosen: str, own: Sequence[str], *, as_json: bool) -> int:
    """Try controls on the cases beside them: evidence in a few lines, and the answer that is expected.

    Without an argument, all cases of the product and of --controls; with an ID those of one control; with a DIR those
    of a folder of own controls. Needs no AWS account. Exit code 1 when a case is answered otherwise.
    """
    from pathlib import Path

    from auditor.base.locate import controls_folder
    from auditor.catalog.cases import case_files, load_cases
    from auditor.run import open_catalog
    from auditor.run.trying import try_case

    folder = Path(chosen) if chosen and Path(chosen).is_dir() else None
    catalog = open_catalog((*own, chosen) if folder and chosen not in own else own)
    if chosen and folder is None:
        catalog.control(chosen)
    folders = (folder,) if folder else (controls_folder(), *(Path(name) for name in own))
    beside = [item.id for item in catalog.controls.values() if Path(item.origin).parent in folders]
    asked = beside if folder or not chosen else [chosen]
    cases = load_cases(case_files(folders), catalog)
    tried = [try_case(case, catalog) for case in cases if folder or chosen in {"", case.control}]
    untried = [name for name in asked if all(item.case.control != name for item in tried)]
    code = 1 if any(item.wrong for item in tried) else 0
    if as_json:
        told = {"cases": [item.document() for item in tried], "without_cases": untried}
        echo_json({"schema": "auditor.controls-test/1", "exit_code": code, **told})
    else:
        _tell_tried(tried, untried, every=bool(chosen))
    return code


def _tell_tried(tried: Sequence["Tried"], untried: Sequence[str], *, every: bool) -> None:
    for item in tried:
        name = f"{item.case.control}: {item.case.name}"
        if item.wrong:
            click.echo(printable(f"WRONG  {name}\n       {item.case.origin}: {item.wrong}"))
        elif every:
            click.echo(printable(f"ok     {name} ({item.state.value})"))
    for control in untried:
        click.echo(printable(f"       {control} has no case"))
    wrong, subjects = sum(bool(item.wrong) for item in tried), {item.case.control for item in tried}
    click.echo(f"{counted(len(tried), 'case')} of {counted(len(subjects), 'control')}, {wrong or 'none'} wrong")
