"""Every rule of filter patterns that AWS does not document, in one place, so that each can be turned by one word.

Marks: [D] documented in the CloudWatch Logs User Guide ("Filter pattern syntax for metric filters"), [O] observed on
AWS and
published, [I] inferred by us. A verdict that would be another one under the other reading says so in its notes, and
the
answer of ``logs:TestMetricFilter``, where a live run has asked for it, stands above all of them.
"""

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True, slots=True)
class Rules:
    """One reading of the undocumented cases; the defaults are ours."""

    inner_asterisk_is_literal: bool = True
    """``Ev*ent`` matches only that text. [D] in the guide of 2019; later guides only say "use * as a wildcard"."""

    absent_differs: bool = False
    """``!=`` on a field that the record lacks. [O] DataBiosphere/azul issue 5884 and a Classmethod article of 2024:
    no match.
    The guide is silent; CloudWatch Logs Insights behaves the other way."""

    null_differs: bool = True
    """``!=`` with a text or number on a field that is null. [I] The field is there and is something else."""

    boolean_differs: bool = True
    """``!=`` with a text or number on a JSON boolean. [I] As for null."""

    boolean_is_text: bool = False
    """``= true`` or ``= "true"`` on a JSON boolean. [I] No match; ``IS TRUE`` is the documented form."""

    number_matches_numeric_text: bool = True
    """``= 111122223333`` on the JSON text "111122223333". [I] Compared as text, character by character."""

    text_matches_number: bool = False
    """``= "5"`` on the JSON number 5. [I] No match."""

    any_element_differs: bool = True
    """``!=`` behind ``[*]`` or ``.*``: one element that differs is enough. [I] As for ``=``, which is [D]."""

    null_exists: bool = True
    """``NOT EXISTS`` on a null field is false. [I] The field is there; ``IS NULL`` [D] is the test for it."""


RULES = Rules()
"""The reading that verdicts use."""

DOUBTS = {
    "inner_asterisk_is_literal": "whether an asterisk inside a value is a wildcard",
    "absent_differs": "whether != holds on a field that the record does not have",
    "null_differs": "whether != holds on a null field",
    "boolean_differs": "whether != with a text holds on a JSON boolean",
    "boolean_is_text": "whether a word matches a JSON boolean",
    "number_matches_numeric_text": "whether a number matches a JSON text of the same digits",
    "text_matches_number": "whether a quoted number matches a JSON number",
    "any_element_differs": "whether != behind a wildcard needs one or all elements to differ",
    "null_exists": "whether a null field exists",
}
"""What each rule decides, in words for notes."""

OBSERVED = frozenset({"absent_differs"})
"""Not documented, but seen on AWS by more than one person: taken as settled, no note."""


def turned(name: str) -> Rules:
    """Return our reading with one rule turned."""
    return replace(RULES, **{name: not getattr(RULES, name)})


assert set(DOUBTS) == {field.name for field in fields(Rules)}  # noqa: S101 - a rule without words would be silent
