"""``auditor collect | evaluate | render``: the rooms one by one."""

from pathlib import Path
from typing import Any

import click

from auditor.base.errors import UsageError
from auditor.base.inside import inside
from auditor.base.whole import refuse_sealed, unfinished, write_whole
from auditor.cli import printable
from auditor.cli.documents import echo_json
from auditor.cli.files import for_writing
from auditor.cli.options import (
    config_of,
    moment_of,
    what_to_judge,
    whom_to_ask,
    with_detail,
    with_formats,
    with_frameworks,
    with_imports,
)
from auditor.cli.telling import tell_period
from auditor.pack.layout import EVIDENCE, RESULTS
from auditor.pack.outcome import EXIT_MEANING, exit_code, headline, results_json


def evidence_folder(path: Path) -> Path:
    """Return the evidence folder of a pack, or the folder itself when it is one.

    Raises:
        UsageError: it is neither.
    """
    for folder in (path, path / EVIDENCE):
        if (folder / "scope.json").is_file():
            return folder
    if held := inside(path, lambda folder: (folder / EVIDENCE / "scope.json").is_file()):
        raise UsageError(f"{path} holds no evidence itself, but {held}", hint="name the folder of the pack")
    raise UsageError(f"{path} holds no evidence", hint="give a pack, or a folder written by `auditor collect`")


@click.command()
@whom_to_ask
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="A new folder for the evidence.")
@what_to_judge
def collect(out: Path, *, as_json: bool, quiet: bool, verbose: bool, **given: Any) -> int:
    """Collect evidence without judging it; `auditor evaluate` and `auditor render` go on from there."""
    from auditor.cli.progress import progress
    from auditor.evidence.store import Evidence
    from auditor.run import Request, collect_evidence, open_catalog

    as_of = moment_of(given.pop("as_of"))
    config = with_frameworks(config_of(given))
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out: {out} is no folder")
    refuse_sealed(out)
    if out.exists() and any(out.iterdir()):
        raise UsageError(f"{out} is not empty", hint="evidence is written once; name a new folder")
    request = Request(config, as_of)
    if not quiet:
        tell_period(request.period, request.as_of)
    with progress(silent=quiet, verbose=verbose) as show, unfinished(out.resolve().parent) as folder:
        collect_evidence(request, open_catalog(config.controls), folder / EVIDENCE, show)
        folder.chmod(0o755)
        folder.rename(out)
    records = Evidence(out / EVIDENCE).records
    gaps = [record for record in records if record.error is not None and not record.absent]
    if as_json:
        found = {"evidence": str(out), "records": len(records), "gaps": len(gaps)}
        echo_json({"schema": "auditor.collect/1", "exit_code": 3 if gaps else 0, **found})
    else:
        click.echo(f"{len(records)} answers in {out}, {len(gaps)} without what was asked for")
    return 3 if gaps else 0


@click.command()
@click.argument("evidence", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Where to write results.json; default: not at all.")
@click.option("--rules", type=click.Path(path_type=Path), help="Judge by a pack's own rules folder.")
@what_to_judge
def evaluate(
    evidence: Path, out: Path | None, rules: Path | None, *, as_json: bool, quiet: bool, verbose: bool, **given: Any
) -> int:
    """Judge stored evidence again; needs neither AWS nor a network."""
    from auditor.run import judge, load_rules, open_rules

    del verbose
    if rules is not None and not rules.is_dir():
        raise UsageError(f"there is no folder {rules}", hint="give the rules folder of a pack")
    for_writing(out)
    judged_by = load_rules(config_of(given)) if rules is None else open_rules(rules)
    config = judged_by.config
    results = judge(evidence_folder(evidence), judged_by)
    if out is not None:
        write_whole(out, results_json(results))
    code = exit_code(results, fail_on=config.fail_on, allow=config.allow)
    if as_json:
        told = {"headline": headline(results), "counts": results.counts}
        echo_json({"schema": "auditor.evaluate/1", "exit_code": code, **told})
        return code
    for item in () if quiet else results.controls:
        click.echo(f"{item.state.value:<15} {item.control.id:<45} {printable(item.control.title)}")
    click.echo(printable(headline(results)))
    click.echo(f"exit code {code}: {EXIT_MEANING[code]}")
    return code


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@with_formats
@with_detail
@with_imports
@what_to_judge
def render(folder: Path, *, as_json: bool, quiet: bool, verbose: bool, **given: Any) -> int:
    """Judge a folder written by `auditor collect`, render its pages and seal it: it becomes a pack."""
    from auditor.cli.progress import progress
    from auditor.run import complete_in_place, leavings, load_rules, makeable

    config, left_out = makeable(config_of(given))
    if left_out:
        click.echo(printable(f"auditor: {left_out}"), err=True)
    if (folder / RESULTS).exists() and not leavings(folder):
        raise UsageError(f"{folder} is a pack already", hint="a pack is never written again")
    if not (folder / EVIDENCE / "scope.json").is_file():
        evidence_folder(folder)
        raise UsageError(f"{folder} is a folder of evidence alone", hint=f"name the folder that has it as {EVIDENCE}")
    with progress(silent=quiet, verbose=verbose) as show:
        results, manifest = complete_in_place(folder, load_rules(config), show)
    code = exit_code(results, fail_on=config.fail_on, allow=config.allow)
    if as_json:
        told = {"pack": str(folder), "headline": headline(results), "counts": results.counts}
        echo_json({"schema": "auditor.render/1", "exit_code": code, **told})
    else:
        click.echo(f"{folder} is sealed; its manifest is {manifest.sha256}")
        click.echo(printable(headline(results)))
    return code
