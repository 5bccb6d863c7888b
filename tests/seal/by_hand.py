"""What a stranger does with a pack: runs the lines of ``VERIFY.md`` as printed, in a shell that knows nothing else."""

import re
import subprocess
from pathlib import Path


def commands(pack: Path) -> list[str]:
    """Return the lines of every shell block of ``VERIFY.md``."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", (pack / "VERIFY.md").read_text(), re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines()]


def failing(pack: Path) -> list[str]:
    """Run the commands in the pack, with an empty environment; return those that fail."""
    return [line for line in commands(pack) if run(line, pack).returncode != 0]


def run(line: str, pack: Path) -> subprocess.CompletedProcess[str]:
    """Run one line in the pack, with an empty environment."""
    shell = ["/bin/bash", "--noprofile", "--norc", "-c", line]
    return subprocess.run(shell, cwd=pack, env={}, capture_output=True, text=True, check=False)
