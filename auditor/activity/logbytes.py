"""One CloudTrail log file as it was read, for whoever looks at its records. Opens nothing."""

from dataclasses import dataclass

from auditor.activity.split import Plain


@dataclass(frozen=True, slots=True)
class LogBytes:
    """One log file, with what the digests say of it.

    Args:
        bucket: where it lies.
        key: its key, or what stands for one.
        state: ``valid``, ``altered``, ``missing``, ``unreadable``, ``unvouched`` (no digest names it) or ``history``
            (records of Event history, which no digest proves).
        problem: what is wrong with it: the kind of a verification's finding, or words for the store of events; empty
            when nothing is.
        sha256: of ``data``, as it was read, lower-case hexadecimal; empty without.
        data: the inflated bytes; None when there are none to be had.
        plain: its records as lines, where somebody has split them already.
    """

    bucket: str
    key: str
    state: str
    problem: str
    sha256: str
    data: bytes | None
    plain: Plain | None = None
