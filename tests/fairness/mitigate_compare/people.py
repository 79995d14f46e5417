"""Made-up people whose label is easier to earn for one group, in known measure."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["people"]


def people(rows: int = 1200, *, seed: int = 0, gap: float = 1.0) -> dict[str, Any]:
    """Columns ``skill``, ``town``, ``sex`` and ``hired``; men have `gap` more skill on average."""
    rng = np.random.default_rng(seed)
    sex = rng.choice(["f", "m"], rows)
    skill = rng.normal(size=rows) + gap * (sex == "m")
    return {
        "skill": skill.round(3),
        "town": rng.choice(["Rome", "Oslo", "Bern"], rows),
        "sex": sex,
        "hired": np.where(skill + rng.normal(size=rows) > 0.8, "yes", "no"),
    }
