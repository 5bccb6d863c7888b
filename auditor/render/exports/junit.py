"""JUnit XML, as build servers read it (the Jenkins junit-10 schema): one suite per control, one case per result.

Waivers and the like that were not applied are the output of their control's suite, where build servers show them beside
its cases; those of controls that were not judged have a suite without cases, so that tests are counted as results are.
"""

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

from auditor.model import State
from auditor.render.exports.source import Finding, Source, xml_safe


def junit(source: Source) -> Iterator[bytes]:
    """Yield the run as a JUnit report, suite by suite."""
    controls = {control["id"]: control for control in source.document["controls"] if control["results"]}
    told: dict[str, list[str]] = {}
    for item in source.to_mind:
        told.setdefault(item.control if item.control in controls else HANDED_IN, []).append(item.told)
    totals = _totals([finding.state for finding in source.findings()])
    del totals["skipped"]  # an attribute of suites only
    root = ET.Element("testsuites", {"name": "auditor", **totals})
    root.text = "\n"
    opened, closed = ET.tostring(root, encoding="utf-8", xml_declaration=True).rsplit(b"\n", 1)
    yield opened
    for name, control in controls.items():
        yield _suite(name, list(source.findings_of(control)), source.as_of, told.get(name, ()))
    if rest := told.get(HANDED_IN):
        yield _suite(HANDED_IN, [], source.as_of, rest)
    yield b"\n" + closed + b"\n"


HANDED_IN = "waivers, attestations and responses for controls that were not judged"


def _totals(states: Sequence[State]) -> dict[str, str]:
    return {
        "tests": str(len(states)),
        "failures": str(states.count(State.FAIL)),
        "errors": str(states.count(State.NOT_ASSESSED)),
        "skipped": str(sum(state in (State.WAIVED, State.NOT_APPLICABLE, State.MANUAL) for state in states)),
        "time": "0",
    }


def _suite(name: str, findings: Sequence[Finding], as_of: str, told: Sequence[str]) -> bytes:
    totals = _totals([finding.state for finding in findings])
    # The schema's time has no zone: it is UTC.
    suite = ET.Element("testsuite", {"name": name, "timestamp": as_of[:19], **totals})
    for finding in findings:
        suite.append(_case(finding))
    if told:
        ET.SubElement(suite, "system-out").text = xml_safe("\n".join(told))
    ET.indent(suite, level=1)
    data: bytes = ET.tostring(suite, encoding="utf-8")
    return b"\n  " + data


def _case(finding: Finding) -> ET.Element:
    result = finding.result
    editions = f" ({', '.join(result['frameworks'])})" if result["frameworks"] else ""
    case = ET.Element(
        "testcase",
        classname=f"{result['account']}.{result['region']}.{finding.control['id']}",
        name=xml_safe(f"{result['resource']}{editions}"),
        time="0",
    )
    reason = xml_safe(result["reason"])
    said = f" ({xml_safe(finding.people)})" if finding.people else ""
    match finding.state:
        case State.FAIL:
            ET.SubElement(case, "failure", message=f"{reason}{said}", type=finding.control["severity"]).text = xml_safe(
                f"expected: {result['expected']}\nobserved: {result['observed']}\n"
                f"evidence: {', '.join(finding.references) or 'none'}"
            )
        case State.NOT_ASSESSED:
            ET.SubElement(case, "error", message=reason, type="not-assessed")
        case State.WAIVED:
            ET.SubElement(case, "skipped", message=xml_safe(f"{finding.people} ({reason})"))
        case State.NOT_APPLICABLE | State.MANUAL:
            ET.SubElement(case, "skipped", message=f"{finding.state.value.lower().replace('_', ' ')}: {reason}{said}")
        case State.PASS:
            pass
    return case
