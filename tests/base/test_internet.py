"""Ranges that are everybody, however they are written."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.base.internet import VERSIONS, Network, are_everybody, is_routed, merged, network


@pytest.mark.parametrize(
    ("ranges", "version", "everybody"),
    [
        pytest.param(["0.0.0.0/0"], 4, True, id="whole"),
        pytest.param(["1.2.3.4/0"], 4, True, id="an-address-within"),
        pytest.param(["0.0.0.0/1", "128.0.0.0/1"], 4, True, id="halves"),
        pytest.param(["0.0.0.0/1", "128.0.0.1/1"], 4, True, id="halves-by-an-address-within"),
        pytest.param(["0.0.0.0/1", "128.0.0.0/2", "192.0.0.0/3"], 4, True, id="without-multicast"),
        pytest.param(["0.0.0.0/1", "128.0.0.0/2"], 4, False, id="a-quarter-short"),
        pytest.param(["0.0.0.0/1"], 4, False, id="half"),
        pytest.param(["::/0"], 4, False, id="other-version"),
        pytest.param(["2000::/3"], 6, True, id="all-that-is-routed"),
        pytest.param(["2000::/4", "3000::/4"], 6, True, id="halves-of-it"),
        pytest.param(["10.0.0.0/8"], 4, False, id="nobody"),
        pytest.param([], 4, False, id="none"),
    ],
)
def test_ranges_that_are_everybody(ranges: list[str], version: int, everybody: bool) -> None:
    assert are_everybody(map(network, ranges), version) is everybody


RANGES = st.builds(
    lambda number, bits: ip_network((number, bits), strict=False), st.integers(0, 2**32 - 1), st.integers(0, 32)
)


@given(st.lists(RANGES, max_size=6).flatmap(lambda ranges: st.tuples(st.just(ranges), st.permutations([*ranges] * 2))))
def test_order_and_repetition_do_not_matter(lists: tuple[list[Network], list[Network]]) -> None:
    ranges, other = lists
    for version in VERSIONS:
        assert merged(other, version) == merged(ranges, version)
        assert are_everybody(other, version) == are_everybody(ranges, version)


def test_nobody_comes_from_private_ranges() -> None:
    assert not is_routed(network("10.1.0.0/16"))
    assert not is_routed(network("fd00::/8"))
    assert is_routed(network("8.0.0.0/8"))
    assert is_routed(network("0.0.0.0/1"))
