"""Ranges of addresses, and whether they are everybody: the whole internet of one IP version. Knows nothing of AWS."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import Final

Network = IPv4Network | IPv6Network

VERSIONS: Final = (4, 6)
_UNROUTED: Final = {
    4: "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
    "192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3",
    6: "::/3 4000::/2 8000::/1",
}
"""Addresses from which nobody on the internet comes: RFC 6890, and for IPv6 all but 2000::/3, RFC 4291."""
_NOBODY: Final[dict[int, tuple[Network, ...]]] = {
    version: tuple(ip_network(item) for item in ranges.split()) for version, ranges in _UNROUTED.items()
}
WHOLE: Final[dict[int, Network]] = {4: ip_network("0.0.0.0/0"), 6: ip_network("::/0")}


@lru_cache(maxsize=4096)
def network(text: str) -> Network:
    """Return a range; addresses within it stand for the range, as AWS takes them.

    Raises:
        ValueError: it is none.
    """
    return ip_network(text, strict=False)


def merged(ranges: Iterable[Network], version: int) -> list[Network]:
    """Return ranges of one IP version, those that touch or overlap as one; others are left out."""
    return list(collapse_addresses(item for item in ranges if item.version == version))  # type: ignore[type-var]


def is_routed(one: Network) -> bool:
    """Tell whether somebody on the internet may come from a range."""
    return not any(one.subnet_of(nobody) for nobody in _NOBODY[one.version])  # type: ignore[arg-type]


def are_everybody(ranges: Iterable[Network], version: int) -> bool:
    """Tell whether ranges together are the whole internet of one IP version; two halves are.

    Addresses that are not routed on the internet need not be among them.
    """
    own = [item for item in ranges if item.version == version]
    return bool(own) and WHOLE[version] in merged([*own, *_NOBODY[version]], version)
