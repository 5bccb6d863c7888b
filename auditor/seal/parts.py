"""The packs of single accounts inside that of an organization, each seen as a pack of its own. Opens nothing itself."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
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


def parts_of(files: PackFiles) -> dict[str, Part]:
    """Return the parts of a pack by account, whether or not anything says that they are packs; sorted."""
    sizes: dict[str, dict[str, int]] = {}
    for path, size in files.sizes.items():
        if match := _INSIDE.match(path):
            sizes.setdefault(match[1], {})[path[match.end() - 1 :]] = size
    odd: dict[str, list[Problem]] = {}
    for problem in files.problems:
        if match := _INSIDE.match(problem.path):
            odd.setdefault(match[1], []).append(replace(problem, path=problem.path[match.end() - 1 :]))
    return {
        account: Part(files, f"accounts/{account}/", sizes.get(account, {}), tuple(odd.get(account, ())))
        for account in sorted(sizes.keys() | odd.keys())
    }
