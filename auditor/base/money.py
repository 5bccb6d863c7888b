"""How a quantity and its price are written."""

from decimal import Decimal


def at_price(quantity: float | Decimal, unit: str, price: str) -> str:
    """Say what is paid for: ``1 key at 1 USD per key``, ``2,730 requests at 0.005 USD per 1,000 requests``.

    Args:
        quantity: a month, in the price's unit.
        unit: of which there are several, such as ``requests``.
        price: amounts in USD, each before " per ".
    """
    count = f"{quantity:,.6f}".rstrip("0").rstrip(".")
    noun = unit.removesuffix("s") if count == "1" else unit
    return f"{count} {noun} at {price.replace(' per ', ' USD per ')}"
