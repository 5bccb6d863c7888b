"""``auditor doctor``: everything a run needs, looked at before a run."""

from datetime import UTC, datetime
from typing import Any

import click

from auditor.cli import printable
from auditor.cli.documents import echo_json
from auditor.cli.options import config_of, what_to_judge, whom_to_ask, with_frameworks, with_organization


@click.command()
@whom_to_ask
@click.option("-o", "--out", metavar="DIR", help="Where packs will be written; default: reports.")
@click.option("--quick", is_flag=True, help="Do not ask AWS about each operation.")
@with_organization
@what_to_judge
def doctor(*, as_json: bool, quick: bool, **given: Any) -> int:
    r"""Look at settings, this machine, credentials, clock and permissions, and say what to do about each.

    With --org every account of the organization is entered once, and each refusal is named.

    Answers 0 when a run can be made, 2 when settings are wrong, 3 when it would leave something unassessed, 5 when it
    could not begin.

    \b
    auditor doctor
    auditor doctor --profile audit --framework cis-aws-5.0.0
    auditor doctor --org --external-id northwind-2026
    """
    from auditor.cli.progress import Patience
    from auditor.run.doctoring import Health, examine

    given.pop("as_of", None)
    given.pop("quiet", None)
    config = with_frameworks(config_of(given))
    looks = []
    if config.org or config.accounts:
        from auditor.org.doctoring import examine_organization

        found = examine_organization(config, now=lambda: datetime.now(UTC))
    else:
        found = examine(config, now=lambda: datetime.now(UTC), permissions=not quick)
    with Patience() as patient:
        for look in found:
            looks.append(look)
            if not as_json:
                click.echo(printable(f"{look.health.value:<5} {look.name:<16} {look.seen}"))
                if look.hint:
                    click.echo(printable(f"{'':<22} {look.hint}"))
            patient("the next answer", len(looks), 0)
    bad = {look.name for look in looks if look.health is Health.BAD}
    code = 0 if not bad else 2 if "settings" in bad else 3 if bad <= {"permission", "refused", "missing"} else 5
    if as_json:
        echo_json({"schema": "auditor.doctor/1", "exit_code": code, "looks": [look.document() for look in looks]})
    return code
