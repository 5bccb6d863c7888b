"""docs/terminal.md shows what the commands print."""

import pytest

from tools.terminal import PAGE, SCENES, page


@pytest.mark.simulator
def test_the_page_shows_what_the_commands_print() -> None:
    assert page() == PAGE.read_text(encoding="utf-8"), "run `make terminal`"


def test_each_scene_is_another_command() -> None:
    assert len({scene.command for scene in SCENES}) == len(SCENES) >= 10
