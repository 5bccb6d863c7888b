"""``auditor collect | evaluate | render``: the rooms one by one."""

from pathlib import Path
from typing import Any

import click

from auditor.cli import echo_json, printable
from auditor.cli.options import config_of, what_to_judge
from auditor.errors import UsageError
from auditor.outcome import EXIT_MEANING, exit_code, headline, results_json
from auditor.run import EVIDENCE, judge, open_catalog


def evidence_folder(path: Path) -> Path:
    """Return the evidence folder of a pack, or the folder itself when it is one.

    Raises:
        UsageError: it is neither.
    """
    for folder in (path, path / EVIDENCE):
        if (folder / "scope.json").is_file():
            return folder
    raise UsageError(f"{path} holds no evidence", hint="give a pack, or a folder written by `auditor collect`")


@click.command()
@click.argument("evidence", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Where to write results.json; default: not at all.")
@what_to_judge
def evaluate(evidence: Path, out: Path | None, *, as_json: bool, quiet: bool, **given: Any) -> int:
    """Judge stored evidence again; needs neither AWS nor a network."""
    del quiet
    config = config_of(given)
    results = judge(evidence_folder(evidence), open_catalog(config.controls), config)
    data = results_json(results)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(data)
    code = exit_code(results, fail_on=config.fail_on, allow=config.allow)
    if as_json:
        echo_json({"exit_code": code, "headline": headline(results), "counts": results.counts})
    else:
        click.echo(headline(results))
        for item in results.controls:
            click.echo(f"{item.state.value:<15} {item.control.id:<45} {printable(item.control.title)}")
        click.echo(f"exit code {code}: {EXIT_MEANING[code]}")
    return code
