"""The comparison behind ``make check`` notices every kind of difference."""

import pytest

from tools.sample import differences

KEPT = {"report.html": b"<html>", "manifest.json": b"{}"}


@pytest.mark.parametrize(
    ("made", "said"),
    [
        pytest.param(KEPT, [], id="same"),
        pytest.param(KEPT | {"manifest.json": b"{ }"}, ["different: manifest.json"], id="one-byte"),
        pytest.param(KEPT | {"report.pdf": b"%PDF"}, ["not committed: report.pdf"], id="new-file"),
        pytest.param({"manifest.json": b"{}"}, ["no longer made: report.html"], id="lost-file"),
        pytest.param({}, ["no longer made: manifest.json", "no longer made: report.html"], id="nothing"),
    ],
)
def test_a_difference_of_the_sample_is_named(made: dict[str, bytes], said: list[str]) -> None:
    assert list(differences(KEPT, made)) == said
