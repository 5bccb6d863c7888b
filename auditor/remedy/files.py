"""The files of a proposal, by their names below the output folder."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum

from auditor.remedy import guide, languages, shell
from auditor.remedy.change import Remedy, Resource
from auditor.remedy.declared import Undeclared, declared
from auditor.remedy.plans.closing import code
from auditor.remedy.proposal import Proposal


class Form(StrEnum):
    """What the changes are written as."""

    CLI = "cli"
    CLOUDFORMATION = "cloudformation"
    TERRAFORM = "terraform"


def files(proposal: Proposal, form: Form) -> Mapping[str, str]:
    """Return the files of a proposal: name -> text. What a language cannot say is written as lines, with the reason."""
    whole: dict[int, tuple[Resource, ...]] = {}
    notes: list[str] = []
    for number, remedy in enumerate(proposal.remedies):
        if form is Form.CLI and not remedy.declares:
            continue
        try:
            whole[number] = declared(remedy, template=form is not Form.TERRAFORM)
        except Undeclared as why:
            notes.append(f"- As lines for the command line, `{remedy.finding.control}`: {guide.plain(str(why))}.")
        else:
            word = f"- As a template, `{remedy.finding.control}`, since a function has no line of its own: "
            notes += [word + _deployed(proposal)] if form is Form.CLI else []
    lines = replace(proposal, remedies=tuple(it for no, it in enumerate(proposal.remedies) if no not in whole))
    found, where = _lines(lines)
    for account in dict.fromkeys(proposal.remedies[number].finding.account for number in whole):
        mine = {no: made for no, made in whole.items() if proposal.remedies[no].finding.account == account}
        resources = tuple({item.logical_id: item for made in mine.values() for item in made}.values())
        found |= _declared(account, resources, form)
        for no in mine:
            key = f"{account}/{proposal.remedies[no].finding.control}"
            where[key] = _places(account, _of_control(proposal, mine, no), form)
    if form is Form.TERRAFORM and whole:
        notes.append(f"- The modules: {_applied(proposal)}")
    if form is Form.CLOUDFORMATION and whole:
        notes.append(f"- The templates: {_deployed(proposal)}")
    if form is not Form.TERRAFORM and whole:
        notes.append("- Roles stand in the template of the home Region of global services: create that stack first.")
    found["README.md"] = guide.page(proposal, where, tuple(dict.fromkeys(notes)))
    found["remedies.json"] = json.dumps(guide.document(proposal), indent=2, ensure_ascii=True) + "\n"
    return found


def _deployed(proposal: Proposal) -> str:
    return (
        "`aws cloudformation deploy --template-file FILE --region REGION --stack-name "
        f"auditor-remedies-{_day(proposal)} --capabilities CAPABILITY_NAMED_IAM --parameter-overrides "
        "AlarmEmail=ADDRESS` makes a stack; with `--no-execute-changeset` it shows the changes first. Each pack has a "
        "stack of its own: an earlier one that got this template would lose what it made."
    )


def _applied(proposal: Proposal) -> str:
    return (
        f'`module "remedies_{_day(proposal)}" {{ source = "./ACCOUNT/terraform" }}` beside a provider of your own, '
        "then `terraform plan`; values that you give are its variables. Each pack has a module of its own: what an "
        "earlier one made is destroyed with its module."
    )


def _day(proposal: Proposal) -> str:
    """Return the day of the pack, as digits alone."""
    return "".join(mark for mark in proposal.as_of if mark in "0123456789")[:8]


def _of_control(proposal: Proposal, mine: Mapping[int, tuple[Resource, ...]], number: int) -> list[Resource]:
    """Return the resources of every remedy of the same control."""
    control = proposal.remedies[number].finding.control
    return [item for no, made in mine.items() if proposal.remedies[no].finding.control == control for item in made]


def _places(account: str, resources: Sequence[Resource], form: Form) -> str:
    """Return where resources are declared."""
    if form is Form.TERRAFORM:
        return f"{account}/terraform/main.tf"
    return "`, `".join(f"{account}/{region}.template.json" for region in sorted({item.region for item in resources}))


def _declared(account: str, resources: tuple[Resource, ...], form: Form) -> dict[str, str]:
    """Return the files that declare resources of an account."""
    if form is Form.TERRAFORM:
        module = dict(languages.module(resources))
        if any(item.block_type == "archive_file" for item in resources):
            module["index.py"] = code()
        return {f"{account}/terraform/{name}": text for name, text in module.items()}
    made = {}
    for region in dict.fromkeys(item.region for item in resources):
        mine = [item for item in resources if item.region == region]
        words = f"Remedies for account {account} in {region}; review, then create a change set"
        made[f"{account}/{region}.template.json"] = languages.template(mine, words)
    return made


def _lines(proposal: Proposal) -> tuple[dict[str, str], dict[str, str]]:
    """Return the scripts of a proposal, and which of them closes what."""
    made = _scripts(proposal)
    where = {f"{account}/{control}": name for (account, control), (name, _) in made.items()}
    found = dict(made.values())
    for (account, control), (name, _) in made.items():
        remedies = _of(proposal, account, control)
        if any(remedy.undo for remedy in remedies):
            title = f"Undoes {name.rpartition('/')[2]}"
            found[f"{name.removesuffix('.sh')}.undo.sh"] = shell.script(title, remedies, account=account, undo=True)
    return found, where


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
