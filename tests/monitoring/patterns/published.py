"""Filter patterns as benchmarks and tools print them."""

from pathlib import Path
from typing import Any

import yaml

PUBLISHED: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "published.yaml").read_text(encoding="utf-8"))

PRINTED: dict[str, str] = {row["control"]: row["required"] for row in PUBLISHED}
"""Control id -> the pattern that is enough."""
