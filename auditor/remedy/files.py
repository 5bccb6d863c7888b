"""The files of a proposal, by their names below the output folder."""

import json
from collections.abc import Mapping
from enum import StrEnum

from auditor.remedy import guide, shell
from auditor.remedy.change import Remedy
from auditor.remedy.proposal import Proposal


class Form(StrEnum):
    """What the changes are written as."""

    CLI = "cli"


def files(proposal: Proposal, form: Form) -> Mapping[str, str]:
    """Return the files of a proposal: name -> text."""
    del form
    made = _scripts(proposal)
    where = {f"{account}/{control}": name for (account, control), (name, _) in made.items()}
    found = {name: text for pairs in made.values() for name, text in [pairs]}
    for (account, control), (name, _) in made.items():
        remedies = _of(proposal, account, control)
        if any(remedy.undo for remedy in remedies):
            title = f"Undoes {name.rpartition('/')[2]}"
            found[f"{name.removesuffix('.sh')}.undo.sh"] = shell.script(title, remedies, account=account, undo=True)
    found["README.md"] = guide.page(proposal, where)
    found["remedies.json"] = json.dumps(guide.document(proposal), indent=2, ensure_ascii=True) + "\n"
    return found


def _of(proposal: Proposal, account: str, control: str) -> tuple[Remedy, ...]:
    return tuple(
        item for item in proposal.remedies if (item.finding.account, item.finding.control) == (account, control)
    )


def _scripts(proposal: Proposal) -> dict[tuple[str, str], tuple[str, str]]:
    """Return one script for each account and control, numbered in the order in which they are to be run."""
    keys = list(dict.fromkeys((item.finding.account, item.finding.control) for item in proposal.remedies))
    keys.sort(key=lambda key: (key[0], min(step.stage for item in _of(proposal, *key) for step in item.steps)))
    made: dict[tuple[str, str], tuple[str, str]] = {}
    for account, control in keys:
        number = sum(1 for done, _ in made if done == account) + 1
        remedies = _of(proposal, account, control)
        name = f"{account}/{number:02}-{control}.sh"
        made[account, control] = (name, shell.script(remedies[0].finding.title, remedies, account=account))
    return made
