"""The simulated accounts. Each world is a module with ``build() -> Application``."""

from auditor.simulator.app import Application


def build(world: str) -> Application:
    """Build a world by name.

    Raises:
        ValueError: there is no such world.
    """
    if world == "demo":
        from auditor.simulator.worlds.demo import build as build_world
    elif world == "clean":
        from auditor.simulator.worlds.clean import build as build_world
    elif world == "hostile":
        from auditor.simulator.worlds.hostile import build as build_world
    elif world == "empty":
        from auditor.simulator.worlds.empty import build as build_world
    else:
        raise ValueError(f"unknown world {world!r}")
    return build_world()
