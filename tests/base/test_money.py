"""How prices are written."""

from decimal import Decimal

import pytest

from auditor.base.money import at_price


@pytest.mark.parametrize(
    ("quantity", "unit", "price", "told"),
    [
        (Decimal(1), "keys", "1 per key", "1 key at 1 USD per key"),
        (2730.0, "requests", "0.005 per 1,000 requests", "2,730 requests at 0.005 USD per 1,000 requests"),
        (0.0026, "GB-month", "0.02 per GB-month up to 9", "0.0026 GB-month at 0.02 USD per GB-month up to 9"),
        (3, "events", "2 per event up to 9, 1 per event", "3 events at 2 USD per event up to 9, 1 USD per event"),
    ],
)
def test_a_quantity_has_its_noun_and_each_price_its_currency(
    quantity: float | Decimal, unit: str, price: str, told: str
) -> None:
    assert at_price(quantity, unit, price) == told
