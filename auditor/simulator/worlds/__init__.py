"""The simulated accounts. Each world is a module with ``build() -> Application``."""

from typing import TYPE_CHECKING

from auditor.simulator.app import Application

if TYPE_CHECKING:  # it needs a world's parts itself
    from auditor.simulator.accounts import Accounts


def build(world: str, *, light: int = 0, sizes: str = "") -> "Application | Accounts":
    """Build a world by name.

    Args:
        world: its name.
        light: further accounts of the organization.
        sizes: of the large account, such as ``users=300,buckets=400``.

    Raises:
        ValueError: there is no such world, or no such size.
    """
    if world == "organization":
        from auditor.simulator.worlds.organization import build as build_organization

        return build_organization(light)
    if world == "large":
        from auditor.simulator.worlds.large import Sizes
        from auditor.simulator.worlds.large import build as build_large

        return build_large(Sizes.read(sizes))
    if world == "demo":
        from auditor.simulator.worlds.demo import build as build_world
    elif world == "clean":
        from auditor.simulator.worlds.clean import build as build_world
    elif world == "hostile":
        from auditor.simulator.worlds.hostile import build as build_world
    elif world == "year":
        from auditor.simulator.worlds.year import build as build_world
    elif world == "empty":
        from auditor.simulator.worlds.empty import build as build_world
    else:
        raise ValueError(f"unknown world {world!r}")
    return build_world()
