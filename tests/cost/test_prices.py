"""Prices as data: tiers at their edges, a file of one's own, and what is wrong with one, by file and line."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.base.errors import UsageError
from auditor.cost.prices import load_prices

HEAD = "currency: USD\nregion: eu-central-1\nseen: 2026-12-01\nprices:\n"


def own(folder: Path, *lines: str, head: str = HEAD) -> Path:
    path = folder / "prices.yaml"
    path.write_text(head + "".join(f"  - {line}\n" for line in lines))
    return path


@pytest.mark.parametrize(
    ("quantity", "cost", "rest"),
    [
        pytest.param(0, "0", 0, id="nothing"),
        pytest.param(9_999, "2999.70", 0, id="before-the-edge"),
        pytest.param(10_000, "3000", 0, id="at-the-edge"),
        pytest.param(10_001, "3000", 1, id="beyond-the-edge"),
    ],
)
def test_beyond_the_last_tier_there_is_no_price(quantity: int, cost: str, rest: int) -> None:
    assert load_prices().of("cloudwatch.metric", "us-east-1").cost(Decimal(quantity)) == (Decimal(cost), Decimal(rest))


@pytest.mark.parametrize(
    ("quantity", "cost"),
    [(100, "1"), (101, "1.005"), (200, "1.5"), (300, "1.6")],
)
def test_each_tier_has_its_price(tmp_path: Path, quantity: int, cost: str) -> None:
    tiers = "[{up_to: 100, usd: 1}, {up_to: 200, usd: 0.5}, {usd: 0.1}]"
    path = own(tmp_path, f"{{id: kms.requests, unit: requests, per: 100, tiers: {tiers}, source: contract}}")
    assert load_prices(path).of("kms.requests", "eu-central-1").cost(Decimal(quantity)) == (Decimal(cost), Decimal(0))


def test_own_prices_go_before_ours_and_the_region_before_another(tmp_path: Path) -> None:
    path = own(
        tmp_path,
        "{id: s3.get, unit: requests, per: 1000, usd: 0.1, source: contract}",
        "{id: s3.get, unit: requests, per: 1000, usd: 0.2, source: contract, region: eu-west-1}",
    )
    prices = load_prices(path)
    found = {region: prices.of("s3.get", region) for region in ("eu-west-1", "eu-central-1", "us-east-1")}
    assert {region: price.tiers[0].usd for region, price in found.items()} == {
        "eu-west-1": Decimal("0.2"),
        "eu-central-1": Decimal("0.1"),
        "us-east-1": Decimal("0.1"),
    }
    assert str(found["eu-west-1"].seen) == "2026-12-01"
    assert prices.of("s3.put", "eu-west-1").region == "us-east-1"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        pytest.param("{id: s3.gett, unit: requests, per: 1, usd: 1, source: x}", "5: there is no price", id="id"),
        pytest.param(
            "{id: s3.get, unit: GB, per: 1, usd: 1, source: x}", "5: s3.get is counted in requests", id="unit"
        ),
        pytest.param("{id: s3.get, unit: requests, per: 0, usd: 1, source: x}", "5: prices.0.per", id="per"),
        pytest.param("{id: s3.get, unit: requests, per: 1, usd: -1, source: x}", "5: prices.0.usd", id="negative"),
        pytest.param("{id: s3.get, unit: requests, per: 1, usd: .nan, source: x}", "5: prices.0.usd", id="nan"),
        pytest.param("{id: s3.get, unit: requests, per: 1, usd: .inf, source: x}", "5: prices.0.usd", id="inf"),
        pytest.param("{id: s3.get, unit: requests, per: 1, source: x}", "either usd or tiers", id="no-price"),
        pytest.param("{id: s3.get, unit: requests, per: 1, usd: 1, source: x, extra: 1}", "no such key", id="key"),
        pytest.param(
            "{id: s3.get, unit: requests, per: 1, tiers: [{up_to: 2, usd: 1}, {up_to: 1, usd: 1}], source: x}",
            "have to rise",
            id="tiers",
        ),
    ],
)
def test_a_wrong_price_is_named_with_file_and_line(tmp_path: Path, line: str, says: str) -> None:
    with pytest.raises(UsageError) as error:
        load_prices(own(tmp_path, line))
    assert "prices.yaml:5" in error.value.message
    assert says in error.value.message


@pytest.mark.parametrize(
    ("head", "says"),
    [
        pytest.param(HEAD.replace("USD", "EUR"), "prices.yaml:1: currency", id="currency"),
        pytest.param(HEAD.replace("eu-central-1", "here"), "prices.yaml:2: region", id="region"),
        pytest.param(HEAD.replace("2026-12-01", "soon"), "prices.yaml:3: seen", id="date"),
        pytest.param("- 1\n", "prices.yaml:1", id="no-mapping"),
        pytest.param("a: [\n", "prices.yaml:", id="no-yaml"),
    ],
)
def test_a_wrong_file_is_named_with_file_and_line(tmp_path: Path, head: str, says: str) -> None:
    with pytest.raises(UsageError) as error:
        load_prices(own(tmp_path, head=head))
    assert says in error.value.message


def test_the_same_price_twice_and_a_file_that_is_not_there(tmp_path: Path) -> None:
    line = "{id: s3.get, unit: requests, per: 1, usd: 1, source: x}"
    with pytest.raises(UsageError, match=r"prices[.]yaml:6: .* stands twice"):
        load_prices(own(tmp_path, line, line))
    with pytest.raises(UsageError, match="cannot be read"):
        load_prices(tmp_path / "absent.yaml")


@given(quantity=st.decimals(0, 10**15, places=3), more=st.decimals(0, 10**9, places=3))
def test_more_never_costs_less(quantity: Decimal, more: Decimal) -> None:
    for name in ("s3.storage.standard", "cloudtrail.data"):
        price = load_prices().of(name, "us-east-1")
        assert price.cost(quantity)[0] <= price.cost(quantity + more)[0]
