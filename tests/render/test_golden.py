"""The reports say what they said; ``make golden`` writes down what they say now."""

from collections.abc import Mapping

import pytest

from tests.render import golden


@pytest.fixture(scope="module")
def texts() -> Mapping[str, str]:
    return golden.texts()


@pytest.mark.parametrize("name", ["report.html.txt", "report.pdf.txt"])
def test_a_report_reads_as_it_did(texts: Mapping[str, str], name: str) -> None:
    assert texts[name].splitlines() == (golden.FOLDER / name).read_text("utf-8").splitlines(), "meant? make golden"


def test_the_small_report_has_every_state(texts: Mapping[str, str]) -> None:
    for text in texts.values():
        for word in ("Fail", "Not assessed", "Manual", "Waived", "Pass", "Not applicable"):
            assert f" {word}\n" in text or f" {word} " in text
