"""The remedies that are compared: what each does, in the order from the simplest, and why one may be left out."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from aequo.errors import InputError, did_you_mean

__all__ = ["CONSTRAINTS", "RECIPES", "Base", "Recipe", "Rule", "chosen", "constraint_of"]

Base = Literal["plain", "reweighed", "group-aware", "decorrelated", "grid search", "reduction", "adversarial"]
"""How the model is trained."""

Rule = Literal["as it is", "thresholds", "strict thresholds", "one threshold each"]
"""How its scores become decisions."""

CONSTRAINTS: Mapping[str, str] = {
    "demographic_parity": "demographic-parity",
    "equal_opportunity": "equal-opportunity",
    "false_positive_rate_parity": "false-positive-rate-parity",
    "equalized_odds": "equalized-odds",
}
"""What may be asked to be equal, and the check that measures it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One remedy: how the model is trained, and how its scores become decisions.

    Attributes
    ----------
    name : str
        Such as ``"reweigh"``.
    description : str
        What it does, in one sentence.
    base : str
        How the model is trained.
    rule : str
        How scores become decisions.
    module : str or None
        Package that has to be installed.
    """

    name: str
    description: str
    base: Base
    rule: Rule = "as it is"
    module: str | None = None


RECIPES: tuple[Recipe, ...] = (
    Recipe(name="none", description="The model as it is, without a remedy.", base="plain"),
    Recipe(
        name="reweigh",
        description="Training rows are weighted so that group and label are independent; decisions do not look at the "
        "group.",
        base="reweighed",
    ),
    Recipe(
        name="thresholds-deterministic",
        description="One threshold for each group.",
        base="plain",
        rule="one threshold each",
    ),
    Recipe(
        name="thresholds",
        description="Thresholds for each group, with a coin between two of them where that is needed; the whole "
        "tolerance is used.",
        base="plain",
        rule="thresholds",
    ),
    Recipe(
        name="thresholds-strict",
        description="As thresholds, with no difference at all on the training rows, so that what new people add stays "
        "within the tolerance.",
        base="plain",
        rule="strict thresholds",
    ),
    Recipe(
        name="reweigh+thresholds",
        description="Thresholds for each group on a model that was trained on weighted rows.",
        base="reweighed",
        rule="thresholds",
    ),
    Recipe(
        name="group-aware thresholds",
        description="Thresholds for each group on a model that sees the group.",
        base="group-aware",
        rule="thresholds",
    ),
    Recipe(
        name="correlation-remover",
        description="What is linear in the group is taken out of the columns before training (fairlearn).",
        base="decorrelated",
        module="fairlearn",
    ),
    Recipe(
        name="grid-search",
        description="The best of a grid of reweighted models (fairlearn).",
        base="grid search",
        module="fairlearn",
    ),
    Recipe(
        name="exponentiated-gradient",
        description="A mixture of reweighted models that keeps the constraint (fairlearn).",
        base="reduction",
        module="fairlearn",
    ),
    Recipe(
        name="adversarial",
        description="A network that an adversary cannot read the group from.",
        base="adversarial",
        module="torch",
    ),
)
"""All remedies, from the simplest."""

_NO_WEIGHTS = ("decorrelated", "grid search", "reduction")


def constraint_of(name: str) -> str:
    """Return the name of a constraint with underscores, however it was written.

    Raises
    ------
    InputError
        If there is none of that name.

    Examples
    --------
    >>> constraint_of("equalized-odds")
    'equalized_odds'
    """
    found = name.replace("-", "_")
    if found not in CONSTRAINTS:
        listed = ", ".join(CONSTRAINTS.values())
        raise InputError(f"the constraint is {name!r}, expected one of {listed}.{did_you_mean(found, CONSTRAINTS)}")
    return found


def chosen(
    names: Sequence[str] | None, *, trainable: bool, weighted: bool, include_group: bool
) -> tuple[tuple[Recipe, ...], dict[str, str]]:
    """Return the remedies to try, and those left out with the reason.

    Parameters
    ----------
    names : sequence of str or None
        The remedies wanted; None for all. ``"none"`` is always among them: the others are held against it.
    trainable : bool
        Whether the model can be trained anew.
    weighted : bool
        Whether rows have weights.
    include_group : bool
        Whether every model sees the group.

    Raises
    ------
    InputError
        If there is no remedy of a name.
    """
    known = [r.name for r in RECIPES]
    for name in names or ():
        if name not in known:
            raise InputError(f"there is no remedy {name!r}. Remedies: {', '.join(known)}.{did_you_mean(name, known)}")
    tried, left = [], {}
    for recipe in RECIPES:
        if names is not None and recipe.name not in ("none", *names):
            continue
        why = _why_not(recipe, trainable=trainable, weighted=weighted, include_group=include_group)
        if why is None:
            tried.append(recipe)
        else:
            left[recipe.name] = why
    return tuple(tried), left


def _why_not(recipe: Recipe, *, trainable: bool, weighted: bool, include_group: bool) -> str | None:
    if not trainable and recipe.base != "plain":
        return "the model is trained already, and this remedy trains one."
    if recipe.base == "group-aware" and include_group:
        return "every model sees the group here."
    if recipe.module is not None and importlib.util.find_spec(recipe.module) is None:
        extra = "pip install 'aequo[torch]'" if recipe.module == "torch" else f"pip install {recipe.module}"
        return f"{recipe.module} is not installed ({extra})."
    if weighted and recipe.base in _NO_WEIGHTS:
        return "it takes no weights of rows."
    return None
