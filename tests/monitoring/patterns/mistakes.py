"""Two dozen mistakes from real accounts and published code, with what each way of judging says about them.

``docs/patterns.md`` shows this table. Comparing text is done in the two usual ways: the whole pattern as the benchmark
prints it, and one regular expression for each clause that the benchmark prints.
"""

import re
from dataclasses import dataclass

from auditor.monitoring.patterns.filter_pattern import write_clause
from auditor.monitoring.patterns.formula import tests_of
from auditor.monitoring.patterns.judge import Coverage, judge_patterns
from auditor.monitoring.patterns.pattern import parse_filter
from tests.monitoring.patterns.catalogue import requirement
from tests.monitoring.patterns.published import PRINTED


@dataclass(frozen=True, slots=True)
class Mistake:
    title: str
    control: str
    patterns: tuple[str, ...]
    covers: bool
    says: str
    """A part of what Auditor says; for a filter that is right, why it is."""

    def judged(self) -> Coverage:
        return judge_patterns(requirement(self.control), self.patterns)

    def same_text(self) -> bool:
        return any(_squeezed(pattern) == _squeezed(PRINTED[self.control]) for pattern in self.patterns)

    def clause_by_clause(self) -> bool:
        """Whether one of the filters has every printed clause somewhere, spaces and quotation marks aside."""
        formula = parse_filter(PRINTED[self.control]).formula
        clauses = [write_clause(test) for test in tests_of(formula)] if formula is not None else []
        return any(all(_expression(clause).search(pattern) for clause in clauses) for pattern in self.patterns)


def _squeezed(text: str) -> str:
    return re.sub(r'[\s"]', "", text)


def _expression(clause: str) -> re.Pattern[str]:
    parts = [re.escape(part) for part in clause.replace('"', "").split()]
    return re.compile(r'\s*"?'.join(parts))


TRAIL = ("CreateTrail", "UpdateTrail", "DeleteTrail", "StartLogging", "StopLogging")


def names(*events: str) -> str:
    return " || ".join(f"($.eventName = {event})" for event in events)


def swapped(old: str, new: str) -> str:
    return "{ " + names(*(new if event == old else event for event in TRAIL)) + " }"


ALL = names(*TRAIL)
ROUTES = PRINTED["monitor-route-table-changes"].strip("{ }")
SIGN_IN = '($.eventName = "ConsoleLogin") && ($.additionalEventData.MFAUsed != "Yes")'

MISTAKES = (
    Mistake("Names in another order", "monitor-cloudtrail-changes", ("{ " + names(*reversed(TRAIL)) + " }",), True, ""),
    Mistake(
        "One filter for each name",
        "monitor-cloudtrail-changes",
        tuple(f"{{ $.eventName = {e} }}" for e in TRAIL),
        True,
        "",
    ),
    Mistake(
        "A misspelt name",
        "monitor-cloudtrail-changes",
        (swapped("DeleteTrail", "DeleteTrial"),),
        False,
        "did you mean DeleteTrail?",
    ),
    Mistake(
        "A name in the wrong case",
        "monitor-cloudtrail-changes",
        (swapped("StopLogging", "stopLogging"),),
        False,
        "did you mean StopLogging?",
    ),
    Mistake(
        "A name left out", "monitor-cloudtrail-changes", ("{ " + names(*TRAIL[:4]) + " }",), False, "calls StopLogging"
    ),
    Mistake(
        "Refused calls left out",
        "monitor-cloudtrail-changes",
        ("{ (" + ALL + ") && $.errorCode NOT EXISTS }",),
        False,
        "leaves out records that have $.errorCode",
    ),
    Mistake(
        "!= on a field that most records lack",
        "monitor-cloudtrail-changes",
        ("{ (" + ALL + ') && $.userIdentity.invokedBy != "config.amazonaws.com" }',),
        False,
        "false for records that have no $.userIdentity.invokedBy",
    ),
    Mistake(
        "The same, written so that it works",
        "monitor-cloudtrail-changes",
        ("{ (" + ALL + ') && ($.userIdentity.invokedBy NOT EXISTS || $.userIdentity.invokedBy != "x") }',),
        True,
        "",
    ),
    Mistake(
        "Negated names",
        "monitor-cloudtrail-changes",
        ("{ " + ALL.replace("=", "!=").replace("||", "&&") + " }",),
        False,
        "CreateTrail",
    ),
    Mistake(
        "&& where || belongs",
        "monitor-cloudtrail-changes",
        ("{ " + ALL.replace("||", "&&") + " }",),
        False,
        "CreateTrail",
    ),
    Mistake(
        "A field in the wrong case",
        "monitor-cloudtrail-changes",
        ("{ " + ALL.replace("eventName", "eventname") + " }",),
        False,
        "did you mean eventName?",
    ),
    Mistake(
        "A misspelt source",
        "monitor-cloudtrail-changes",
        ("{ ($.eventSource = cloudtrail.amazonaws.co) && (" + ALL + ") }",),
        False,
        "did you mean cloudtrail.amazonaws.com?",
    ),
    Mistake(
        "The right source added",
        "monitor-cloudtrail-changes",
        ("{ ($.eventSource = cloudtrail.amazonaws.com) && (" + ALL + ") }",),
        True,
        "",
    ),
    Mistake(
        "One Region only",
        "monitor-cloudtrail-changes",
        ("{ ($.awsRegion = eu-central-1) && (" + ALL + ") }",),
        False,
        "awsRegion",
    ),
    Mistake(
        "IAM users only",
        "monitor-cloudtrail-changes",
        ('{ ($.userIdentity.type = "IAMUser") && (' + ALL + ") }",),
        False,
        "assumed role",
    ),
    Mistake(
        "A closing brace missing", "monitor-cloudtrail-changes", ("{ " + ALL,), False, "the closing brace is missing"
    ),
    Mistake(
        "Wildcards that take in more",
        "monitor-cloudtrail-changes",
        ("{ $.eventName = *Trail || $.eventName = *Logging }",),
        True,
        "",
    ),
    Mistake(
        "Prefix of the wrong word",
        "monitor-route-table-changes",
        (
            (
                "{ $.eventName = CreateRouteTable || $.eventName = DeleteRoute* || $.eventName = ReplaceRoute* || "
                "$.eventName = DisassociateRouteTable }"
            ),
        ),
        False,
        "calls CreateRoute ",
    ),
    Mistake(
        "The source tied to one name by missing parentheses",
        "monitor-route-table-changes",
        ("{($.eventSource = ec2.amazonaws.com) && " + ROUTES + "}",),
        True,
        "",
    ),
    Mistake(
        "No asterisk before UnauthorizedOperation",
        "monitor-unauthorized-api-calls",
        ('{ ($.errorCode = "UnauthorizedOperation") || ($.errorCode = "AccessDenied*") }',),
        False,
        "did you mean Client.UnauthorizedOperation?",
    ),
    Mistake(
        "`*UnauthorizedAccess*`, as in many tutorials",
        "monitor-unauthorized-api-calls",
        ('{ ($.errorCode = "*UnauthorizedAccess*") || ($.errorCode = "AccessDenied*") }',),
        False,
        "Client.UnauthorizedOperation",
    ),
    Mistake(
        "Exclusions joined with ||, as benchmarks print it",
        "monitor-unauthorized-api-calls",
        (
            (
                '{ ($.errorCode = "*UnauthorizedOperation") || ($.errorCode = "AccessDenied*") || '
                '($.sourceIPAddress != "delivery.logs.amazonaws.com") || ($.eventName != "HeadBucket") }'
            ),
        ),
        True,
        "nearly every event",
    ),
    Mistake(
        "Sign-ins as a boolean",
        "monitor-console-signin-no-mfa",
        ("{ ($.eventName = ConsoleLogin) && ($.additionalEventData.MFAUsed IS FALSE) }",),
        False,
        "MFAUsed",
    ),
    Mistake(
        "MFAUsed = No instead of != Yes",
        "monitor-console-signin-no-mfa",
        ('{ ($.eventName = "ConsoleLogin") && ($.additionalEventData.MFAUsed = "No") }',),
        True,
        "",
    ),
    Mistake(
        "Only sign-ins with a session",
        "monitor-console-signin-no-mfa",
        ("{ " + SIGN_IN + ' && ($.userIdentity.sessionContext.attributes.mfaAuthenticated != "true") }',),
        False,
        "have no",
    ),
    Mistake(
        "Words instead of fields",
        "monitor-console-auth-failures",
        ('"ConsoleLogin" "Failed authentication"',),
        True,
        "words anywhere",
    ),
    Mistake(
        "The failed sign-in by its result",
        "monitor-console-auth-failures",
        ('{ ($.eventName = ConsoleLogin) && ($.responseElements.ConsoleLogin = "Failure") }',),
        True,
        "",
    ),
    Mistake(
        "A value with a space, unquoted",
        "monitor-console-auth-failures",
        ("{ ($.eventName = ConsoleLogin) && ($.errorMessage = Failed authentication) }",),
        False,
        "double quotes",
    ),
    Mistake(
        "Curly quotation marks from a web page",
        "monitor-root-usage",
        ("{ $.userIdentity.type = \u201cRoot\u201d && $.userIdentity.invokedBy NOT EXISTS }",),
        False,
        "straight double quotes",
    ),
    Mistake(
        "Sign-ins of root only",
        "monitor-root-usage",
        ('{ $.userIdentity.type = "Root" && $.eventName = "ConsoleLogin" }',),
        False,
        "root user calls",
    ),
    Mistake(
        "The IAM events by source alone",
        "monitor-iam-policy-changes",
        ("{ $.eventSource = iam.amazonaws.com }",),
        True,
        "GetRole",
    ),
)


def table() -> str:
    """Write the table of ``docs/patterns.md``."""
    lines = [
        "| mistake, or only another spelling | Auditor | whole text | each clause by regular expression |",
        "|---|---|---|---|",
    ]
    for mistake in MISTAKES:
        found = mistake.judged()
        answer = f"**{'covered' if found.covers else 'missed'}**{_because(found)}"
        lines.append(
            f"| {_cell(mistake.title)} | {answer} | {_verdict(mistake.same_text(), mistake.covers)} "
            f"| {_verdict(mistake.clause_by_clause(), mistake.covers)} |"
        )
    return "\n".join(lines)


def _because(found: Coverage) -> str:
    if found.adds:
        return f"; also fires when {_cell(found.adds[0].words)}"
    if found.covers:
        return ""
    if not found.valid:
        problem = next(note for note in found.notes if note.startswith("Not valid"))
        return f"; not valid: {_cell(problem.split(': ')[1])}"
    missed = found.missed[0]
    reason = missed.hint or next((f"`{one.clause}`: {one.reason}" for one in found.narrowed_by), missed.words)
    return f": {missed.name}; {_cell(reason)}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _verdict(passes: bool, right: bool) -> str:
    said = "passes" if passes else "fails"
    return said if passes is right else f"{said} (wrong)"


if __name__ == "__main__":
    import sys

    sys.stdout.write(table() + "\n")
