"""CloudWatch Logs filter patterns that are not about JSON: terms, and space-delimited fields. Reads no record.

Source: CloudWatch Logs User Guide, "Filter pattern syntax": terms and space-delimited log events; matching of a term
by
substring is stated in the guide of 2019 (``ERROR`` matches ``ERRORCODE``).
"""

import re
from dataclasses import dataclass

from auditor.monitoring.patterns.errors import PatternError
from auditor.monitoring.patterns.filter_grammar import MAX_LENGTH
from auditor.monitoring.patterns.language import Language
from auditor.monitoring.patterns.regex import parse_regex


@dataclass(frozen=True, slots=True)
class Term:
    """A text, or an expression, that has to occur somewhere in the log event; case-sensitive."""

    text: str
    expression: Language | None = None

    def occurs_in(self, event: str) -> bool:
        """Say whether it occurs."""
        return self.expression.accepts(event) if self.expression is not None else self.text in event


@dataclass(frozen=True, slots=True)
class TermPattern:
    """All required terms, none of the excluded ones; alternatives count only when nothing else is asked."""

    required: tuple[Term, ...] = ()
    excluded: tuple[Term, ...] = ()
    alternatives: tuple[Term, ...] = ()

    def matches(self, event: str) -> bool:
        """Say whether a log event, as one text, matches."""
        if self.required or self.excluded:
            wanted = all(term.occurs_in(event) for term in self.required)
            return wanted and not any(term.occurs_in(event) for term in self.excluded)
        return not self.alternatives or any(term.occurs_in(event) for term in self.alternatives)


_TERM = re.compile(r'([?-]?)(?:"((?:[^"\\]|\\.)*)"|%([^%]*)%|([^\s"%]+))(?=\s|$)')
_CERTAIN_TERM = re.compile(r"[A-Za-z0-9_]+")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def parse_terms(text: str) -> tuple[TermPattern, tuple[str, ...]]:
    """Read a term pattern; return it with warnings. A blank pattern matches every event.

    Raises:
        PatternError: a quotation mark or percent sign is not closed, or the pattern is too long.
    """
    if len(text) > MAX_LENGTH:
        raise PatternError(f"longer than {MAX_LENGTH} characters", text, MAX_LENGTH)
    found: dict[str, list[Term]] = {"": [], "-": [], "?": []}
    warnings: dict[str, None] = {}
    at = len(text) - len(text.lstrip())
    while at < len(text):
        match = _TERM.match(text, at)
        if match is None:
            raise PatternError("a term that cannot be read; close its quotation mark", text, at)
        sign, quoted, expression, bare = match.groups()
        if bare is not None and not _CERTAIN_TERM.fullmatch(bare):
            warnings[f"the term {bare} has other characters than letters, digits and _; put it in quotes"] = None
        found[sign].append(_term(match, text, quoted, expression, bare))
        at = match.end()
        at += len(text[at:]) - len(text[at:].lstrip())
    blank = [term for terms in found.values() for term in terms if term.text.strip() == "" and term.expression is None]
    if blank and sum(map(len, found.values())) == 1:
        return TermPattern(), tuple(warnings)
    return TermPattern(tuple(found[""]), tuple(found["-"]), tuple(found["?"])), tuple(warnings)


def _term(match: re.Match[str], text: str, quoted: str | None, expression: str | None, bare: str | None) -> Term:
    if expression is not None:
        return Term(f"%{expression}%", parse_regex(expression, text, match.start(3)))
    return Term(_ESCAPED.sub(r"\1", quoted) if quoted is not None else str(bare))


@dataclass(frozen=True, slots=True)
class FieldTest:
    """One comparison inside a space-delimited pattern, such as ``status_code = 4*``."""

    operator: str
    value: str

    def holds(self, value: str) -> bool:
        """Answer for the text of a field."""
        if self.operator in {"=", "!="}:
            return self._same(value) is (self.operator == "=")
        try:
            number, limit = float(value), float(self.value)
        except ValueError:
            return False
        return {"<": number < limit, "<=": number <= limit, ">": number > limit, ">=": number >= limit}[self.operator]

    def _same(self, value: str) -> bool:
        text = self.value
        if text.startswith("*") and text.endswith("*"):
            return text.strip("*") in value
        if text.startswith("*"):
            return value.endswith(text[1:])
        return value.startswith(text[:-1]) if text.endswith("*") else value == text


@dataclass(frozen=True, slots=True)
class Column:
    """One field: its name, and alternatives of tests that must all hold; no alternative asks nothing."""

    name: str
    alternatives: tuple[tuple[FieldTest, ...], ...] = ()

    def accepts(self, value: str) -> bool:
        """Answer for the text of the field."""
        return not self.alternatives or any(all(test.holds(value) for test in tests) for tests in self.alternatives)


@dataclass(frozen=True, slots=True)
class SpacePattern:
    """Fields before and after an ellipsis; ``ellipsis`` is False when the number of fields is fixed."""

    before: tuple[Column, ...]
    after: tuple[Column, ...]
    ellipsis: bool

    def matches(self, event: str) -> bool:
        """Say whether a log event, as one text, matches."""
        values = split_fields(event)
        asked = len(self.before) + len(self.after)
        if len(values) < asked or (len(values) > asked and not self.ellipsis):
            return False
        last = values[len(values) - len(self.after) :]
        pairs = [*zip(self.before, values, strict=False), *zip(self.after, last, strict=True)]
        return all(column.accepts(value) for column, value in pairs)


_FIELD = re.compile(r'\[([^\]]*)\]|"((?:[^"\\]|\\.)*)"|(\S+)')


def split_fields(event: str) -> list[str]:
    """Split a log event at spaces; brackets and quotation marks hold a field together."""
    return [next(group for group in match.groups() if group is not None) for match in _FIELD.finditer(event)]


_COLUMN_NAME = re.compile(r"\s*(\.\.\.|[A-Za-z0-9_-]+)\s*")
_COLUMN_TEST = re.compile(r'\s*([A-Za-z0-9_-]+)?\s*(!=|<=|>=|=|<|>)\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,&|\]"]+))\s*')


def parse_space_delimited(text: str) -> SpacePattern:
    """Read a pattern between brackets.

    Raises:
        PatternError: outside the grammar.
    """
    if len(text) > MAX_LENGTH:
        raise PatternError(f"longer than {MAX_LENGTH} characters", text, MAX_LENGTH)
    stripped = text.rstrip()
    if not stripped.endswith("]"):
        raise PatternError("the closing bracket is missing", text, len(text))
    at = text.index("[") + 1
    columns: list[Column] = []
    while True:
        column, at = _column(text, at)
        columns.append(column)
        if at == len(stripped) - 1:
            return _arranged(columns, text)
        if text[at] != ",":
            raise PatternError("expected a comma or the closing bracket", text, at)
        at += 1


def _arranged(columns: list[Column], text: str) -> SpacePattern:
    gaps = [index for index, column in enumerate(columns) if column.name == "..."]
    if len(gaps) > 1:
        raise PatternError("... may stand only once", text, text.rindex("..."))
    if not gaps:
        return SpacePattern(tuple(columns), (), ellipsis=False)
    return SpacePattern(tuple(columns[: gaps[0]]), tuple(columns[gaps[0] + 1 :]), ellipsis=True)


def _column(text: str, at: int) -> tuple[Column, int]:
    match = _COLUMN_NAME.match(text, at)
    if match is None:
        raise PatternError("expected a field name or ...", text, at)
    name, after = match.group(1), match.end()
    if text[after] in ",]":
        return Column(name), after
    alternatives: list[tuple[FieldTest, ...]] = []
    tests: list[FieldTest] = []
    while True:
        test = _COLUMN_TEST.match(text, at)
        if test is None:
            raise PatternError("expected a comparison such as name = value", text, at)
        tests.append(FieldTest(test[2], test[3] if test[3] is not None else test[4]))
        at = test.end()
        if text.startswith("&&", at):
            at += 2
        elif text.startswith("||", at):
            at += 2
            alternatives.append(tuple(tests))
            tests = []
        else:
            return Column(name, (*alternatives, tuple(tests))), at
