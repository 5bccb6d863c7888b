"""Files against ``SHA256SUMS``: side by side says what two dictionaries say, and holds next to nothing of a file."""

import tracemalloc
from collections.abc import Iterator, Mapping
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from auditor.seal.contents import DEFAULT_LIMITS, SUMS, Problem
from auditor.seal.listed import check_listed
from auditor.seal.parts import parts_of

LOOK_ALIKE = frozenset({"evidence/l1st.json", "evidence/list.json"})
NAMES = (
    "README.txt",
    "readme.txt",
    "a",
    "A/b",
    "a/b",
    "a/B",
    "a-b/c",
    "accounts/a",
    "accounts/A/b",
    *sorted(LOOK_ALIKE),
)
NAMES += ("accounts/111122223333/manifest.json", "accounts/111122223333/x", "manifest.json")
ENDS = (b"", b"no line\n", b"0" * 64 + b"  a\n", b"\xc3\xa4\n", b"0" * 64 + b"  zz", b"z" * (2 << 20))
"""What may stand at the end of the list: nothing, or what makes it none."""


class InMemory:
    """A pack whose files are bytes, handed out in pieces."""

    problems: tuple[Problem, ...] = ()

    def __init__(self, files: Mapping[str, bytes], piece: int) -> None:
        self._files, self._piece = files, piece
        self.sizes: Mapping[str, int] = {name: len(files[name]) for name in sorted(files)}

    def chunks(self, path: str) -> Iterator[bytes]:
        data = self._files[path]
        return (data[at : at + self._piece] for at in range(0, len(data), self._piece))


MOST_HELD = 60
"""Bytes for each file; its path and its hash alone take 200."""


def line(name: str, data: bytes) -> bytes:
    return f"{sha256(data).hexdigest()}  {name}\n".encode()


contents = st.dictionaries(st.sampled_from(NAMES), st.sampled_from((b"one", b"two")), max_size=len(NAMES))


@given(files=contents, listed=contents, piece=st.sampled_from((1, 7, 100)))
def test_what_is_said_is_what_two_dictionaries_say(
    files: dict[str, bytes], listed: dict[str, bytes], piece: int
) -> None:
    listed = listed or {"a": b"one"}
    sums = b"".join(line(name, listed[name]) for name in sorted(listed))
    found = check_listed(InMemory({**files, SUMS: sums}, piece), None, DEFAULT_LIMITS)
    said = {(item.kind, item.path) for item in found.findings if item.kind != "duplicate"}
    assert said == {
        *(("missing", name) for name in listed.keys() - files.keys()),
        *(("added", name) for name in files.keys() - listed.keys()),
        *(("changed", name) for name in listed.keys() & files.keys() if listed[name] != files[name]),
    }
    twins = {name for name in files if any(other < name and other.lower() == name.lower() for other in files)}
    assert twins == {item.path for item in found.findings if "only in case" in item.message}
    both = {name for name in files if any(other.lower().startswith(f"{name.lower()}/") for other in files)}
    assert both == {item.path for item in found.findings if "at once" in item.message}
    mistaken = {
        name for name in LOOK_ALIKE if name in files.keys() - listed.keys() and LOOK_ALIKE - {name} <= listed.keys()
    }
    assert mistaken == {item.path for item in found.findings if "mistaken for evidence" in item.message}
    assert (found.readable, found.stated) == (len(files) + 1, len(listed))


@given(files=contents, end=st.sampled_from(ENDS), piece=st.sampled_from((64, 1 << 20)))
def test_of_a_list_that_is_none_nothing_is_said_but_that(files: dict[str, bytes], end: bytes, piece: int) -> None:
    files = {**files, "yy": b"last"}
    sums = b"".join(line(name, files[name]) for name in sorted(files))
    found = check_listed(InMemory({**files, SUMS: sums + end}, piece), None, DEFAULT_LIMITS)
    kinds = [(item.kind, item.path) for item in found.findings]
    if end:
        assert kinds == [("malformed", SUMS)]
        assert (found.readable, found.stated) == (len(files) + 1, 0)
    else:
        assert ("malformed", SUMS) not in kinds


def test_next_to_nothing_is_held_of_a_file_inside_the_pack_of_an_account() -> None:
    files = {
        f"accounts/{account:012}/evidence/raw/{number:05}-DescribeSomething.json": b"{}"
        for account in range(40)
        for number in range(500)
    }
    sums = b"".join(line(name, data) for name, data in sorted(files.items()))
    pack = InMemory({**files, SUMS: sums}, 1 << 16)
    tracemalloc.start()
    try:
        found = check_listed(pack, None, DEFAULT_LIMITS)
        parts = sum(len(part.sizes) for _, part in parts_of(pack))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert not found.findings
    assert parts == len(files)
    assert peak / len(files) < MOST_HELD
