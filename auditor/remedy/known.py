"""What the evidence tells about the account that a remedy changes. A gap is never taken for "nothing there"."""

from collections.abc import Iterator, Mapping
from typing import Any

from auditor.base.canonical import canonical_json, plain
from auditor.evidence.answer import Record
from auditor.evidence.operations import GLOBAL
from auditor.evidence.store import Evidence
from auditor.regions import HOME


class Unknown(Exception):  # noqa: N818 - a finding about the evidence, told to the reader, not an error of ours
    """The evidence does not tell what a remedy has to build on; the message says what is missing."""


class Known:
    """The stored answers of one account.

    Args:
        evidence: of a pack that was verified.
        account: twelve digits.
        failing: control id -> resources, of the account's failed results.
    """

    def __init__(self, evidence: Evidence, account: str, failing: Mapping[str, frozenset[str]]) -> None:
        self._evidence = evidence
        self.account = account
        self.failing = failing
        scope = next(item for item in evidence.run.accounts if item.id == account)
        self.partition = scope.partition
        self.regions = scope.regions

    def _records(self, operation: str, region: str, parameters: Mapping[str, Any]) -> Iterator[Record]:
        for record in self._evidence.of(self.account, operation):
            asked = dict(record.call.parameters)
            if region not in ("", record.call.region):
                continue
            if all(
                canonical_json(plain(asked.get(name))) == canonical_json(plain(it)) for name, it in parameters.items()
            ):
                yield record

    def pages(self, operation: str, region: str = "", **parameters: Any) -> tuple[Any, ...]:
        """Return all pages of an operation's answers, of one Region or all; an answer of "no such thing" has none.

        Raises:
            Unknown: it was not asked, or an answer is missing.
        """
        found: list[Any] = []
        records = list(self._records(operation, region, parameters))
        if not records:
            raise Unknown(f"the pack has no answer of {operation}" + (f" in {region}" if region else ""))
        for record in records:
            if record.absent:
                continue
            if not record.complete:
                raise Unknown(f"the answer of {operation} in {record.call.region} is not complete ({record.ref})")
            found += self._evidence.pages(record)
        return tuple(found)

    def items(self, operation: str, key: str, region: str = "", **parameters: Any) -> tuple[Mapping[str, Any], ...]:
        """Return the members of a list in an operation's answers.

        Raises:
            Unknown: an answer is missing or has not the form that AWS documents.
        """
        try:
            return tuple(item for page in self.pages(operation, region, **parameters) for item in page[key])
        except (KeyError, TypeError) as error:
            raise Unknown(f"an answer of {operation} has no {key}") from error

    def page(self, operation: str, region: str = GLOBAL, **parameters: Any) -> Mapping[str, Any]:
        """Return the one page of an answer; empty where there is no such thing.

        Raises:
            Unknown: the answer is missing.
        """
        pages = self.pages(operation, region, **parameters)
        return pages[0] if pages and isinstance(pages[0], Mapping) else {}

    def arn(self, service: str, region: str, rest: str) -> str:
        """Return an ARN of this account."""
        return f"arn:{self.partition}:{service}:{region}:{self.account}:{rest}"

    @property
    def home(self) -> str:
        """The Region of the account's global services, which calls without a Region are sent to."""
        return HOME.get(self.partition, HOME["aws"])

    @property
    def suffix(self) -> str:
        """The end of the names of services."""
        return "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"


def told(value: Any) -> str:
    """Return a value as the command line interface prints it in text."""
    return "None" if value is None else str(value)
