"""Holds the rules of a pack against those that shipped: as released, changed and how, or the user's own."""

from collections.abc import Iterator

from auditor.base.counts import counted, first_of
from auditor.catalog.load import Catalog
from auditor.catalog.released import shipped
from auditor.pack.differences import differences
from auditor.run.deriving import Judged
from auditor.run.judging import open_catalog
from auditor.seal.report import Rechecked

_MOST_NAMED = 8


def ruled(found: Judged, catalog: Catalog, version: str) -> Rechecked:
    """Say for the rules of a judgement which of them shipped, what was changed in the others, and what was accepted.

    A changed rule is nothing that can be called wrong, nor right: it stays open, with what was and what is.

    Args:
        found: the judgement.
        catalog: the rules in the pack.
        version: the program that the pack names as its maker.
    """
    rules = found.document["rules"]
    words = [
        f"{counted(rules['released'], 'rule is', 'rules are')} as released"
        + (f" in {rules['as_released_in']}" * bool(rules["released"]))
    ]
    if rules["own"]:
        words.append(f"{len(rules['own'])} are the user's own: {_listed(rules['own'])}")
    answers = f", {counted(rules['responses'], 'response')}" if rules.get("responses") else ""
    accepted = (
        f"{counted(rules['waivers'], 'waiver')}, "
        f"{counted(rules['attestations'], 'attestation')}{answers}, fails on {rules['fail_on']}"
    )
    words.append(accepted + (f", gaps accepted: {_listed(rules['allow'])}" if rules["allow"] else ""))
    unknown = () if version in shipped() else (f"it is not known here what auditor {version} shipped",)
    return Rechecked("; ".join(words), open=(*unknown, *_changes(rules["changed"], catalog)))


def _changes(names: list[str], catalog: Catalog) -> Iterator[str]:
    if not names:
        return
    installed = open_catalog().written
    if len(names) > _MOST_NAMED:
        yield f"{counted(len(names), 'rule is', 'rules are')} not as released: {_listed(names)}"
        return
    for name in names:
        if name not in installed:
            yield f"{name} is not as any release had it"
            continue
        found = differences(installed[name], catalog.written[name])
        yield f"{name} is not as released: {'; '.join(str(change) for change in found[:_MOST_NAMED])}"


def _listed(names: list[str]) -> str:
    return first_of(names, _MOST_NAMED)
