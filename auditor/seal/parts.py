"""The packs of single accounts inside that of an organization, each seen as a pack of its own. Opens nothing itself."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Final

from auditor.seal.contents import PackFiles, Problem

_INSIDE: Final = re.compile(r"accounts/(\d{12})/.")


@dataclass(frozen=True)
class Part:
    """The files below one folder of a pack, named as if that folder were the pack."""

    whole: PackFiles
    folder: str
    sizes: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def chunks(self, path: str) -> Iterator[bytes]:
        """Yield a file's bytes; see ``PackFiles``."""
        return self.whole.chunks(f"{self.folder}{path}")


def parts_of(files: PackFiles) -> Iterator[tuple[str, Part]]:
    """Yield the parts of a pack with their accounts, whether or not anything says that they are packs.

    One after the other: who lets go of a part before he takes the next holds the names of one account.
    """
    odd: dict[str, list[Problem]] = {}
    for problem in files.problems:
        if match := _INSIDE.match(problem.path):
            odd.setdefault(match[1], []).append(replace(problem, path=problem.path[match.end() - 1 :]))
    for account, names in groupby(files.sizes, _account):
        if account:
            folder = f"accounts/{account}/"
            sizes = {name.removeprefix(folder): files.sizes[name] for name in names}
            yield account, Part(files, folder, sizes, tuple(odd.pop(account, ())))
    for account, problems in odd.items():
        yield account, Part(files, f"accounts/{account}/", problems=tuple(problems))


def _account(path: str) -> str:
    match = _INSIDE.match(path)
    return match[1] if match else ""
