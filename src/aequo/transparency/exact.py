"""Contributions that follow from the form of a model: linear models, and sums of trees."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from aequo.core.counts import Floats
from aequo.errors import need
from aequo.models.families import of_xgboost
from aequo.models.predicting import Model
from aequo.transparency.attribution import Space
from aequo.transparency.lineage import Split, dense

__all__ = ["Against", "Formula", "is_trees", "linear_formula", "tree_formula"]

Against = Literal["training", "background"]
"""What trees are compared with: the training rows that reached each node, or the background."""

Parts = Callable[[Any], Floats]
"""Prepared columns to the contribution of each. Shape (rows, prepared columns)."""

_FORESTS = ("DecisionTree", "ExtraTree", "RandomForest", "ExtraTrees", "GradientBoosting", "HistGradientBoosting")
_CLOSE = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class Formula:
    """How contributions of the prepared columns are computed, proved on rows of the background.

    Attributes
    ----------
    parts : callable
        The contribution of each prepared column.
    base : float
        What they are added to.
    space : str
        Their unit.
    """

    parts: Parts
    base: float
    space: Space


def linear_formula(halves: Split, prepared: Any) -> Formula | None:
    """Return the formula of a linear model, exact against the background; None if the model is not linear.

    Each contribution is the coefficient times the difference to the background's mean, which is the Shapley value for
    any additive model (interventional).

    Parameters
    ----------
    halves : Split
        The model.
    prepared : array or frame
        The background, prepared.

    References
    ----------
    .. [1] Štrumbelj and Kononenko, "Explaining prediction models and individual predictions", 2014; Lundberg and Lee,
       NeurIPS 2017, corollary 1.
    """
    native, final = halves.final.native, halves.final
    if not (hasattr(native, "coef_") and hasattr(native, "intercept_")) or not final.has_raw:
        return None
    x = dense(prepared)
    coefficients = np.atleast_2d(np.asarray(native.coef_, dtype=np.float64))
    if x.dtype != np.float64 or coefficients.shape[1] != x.shape[1]:
        return None
    row = coefficients[final.at] if len(coefficients) > 1 else coefficients[0]
    weight = -row if len(coefficients) == 1 and final.classes and final.at == 0 else row
    mean = x.mean(axis=0)
    margin = final.margin(prepared)
    if margin is None:
        return None
    base = float(margin.mean())
    found = base + (x - mean) @ weight
    if not np.allclose(found, margin, rtol=1e-6, atol=1e-8):  # coefficients, but with a link or a kernel
        return None
    return Formula(lambda new: (dense(new) - mean) * weight, base, _space(final, prepared, margin))


def is_trees(model: Model) -> bool:
    """Return whether a model is a sum of trees that can be read.

    Parameters
    ----------
    model : Model
        The second half of a `Split`.
    """
    name, native = type(model.native).__name__, model.native
    if model.family in ("xgboost", "lightgbm"):
        return not (model.family == "xgboost" and getattr(native, "booster", None) == "gblinear")
    return name.startswith(_FORESTS) and type(native).__module__.startswith("sklearn.")


def tree_formula(halves: Split, prepared: Any, *, against: Against) -> Formula | None:
    """Return the formula of a sum of trees; None if what it says is not the model's own answer.

    Against the training rows, the columns that a coalition does not know are averaged over by how many training rows
    went each way (path-dependent): exact for the trees, no background needed, and the cheaper by far. Against the
    background, they are the background's (interventional), as for every other method here.

    Parameters
    ----------
    halves : Split
        The model.
    prepared : array or frame
        The background, prepared: what the formula is proved on.
    against : str
        ``"training"`` or ``"background"``.

    Raises
    ------
    MissingExtra
        If shap, which reads scikit-learn's trees, is not installed.

    References
    ----------
    .. [1] Lundberg et al., "From local explanations to global understanding with explainable AI for trees", Nature
       Machine Intelligence 2020, algorithms 2 and 3.
    """
    final = halves.final
    if against == "training" and final.family in ("xgboost", "lightgbm"):
        whole: Parts | None = _xgboost(final) if final.family == "xgboost" else _lightgbm(final)
    else:
        whole = _shap(final, prepared, against)
    if whole is None:
        return None
    with_base = whole(prepared)
    base, total = float(with_base[0, -1]), with_base.sum(axis=1)
    for said in (final.margin(prepared), final.answer(prepared)):
        if said is not None and np.allclose(total, said, rtol=_CLOSE, atol=_CLOSE):
            return Formula(lambda new: whole(new)[:, :-1], base, _space(final, prepared, said))
    return None


def _space(final: Model, prepared: Any, outputs: Floats) -> Space:
    """Return the unit of some outputs, by trying what turns them into the scores."""
    if final.kind == "regressor":
        return "value"
    scores = final.answer(prepared)
    if np.allclose(scores, outputs, atol=1e-6):
        return "probability"
    odds = 1 / (1 + np.exp(-np.clip(outputs, -700, 700)))
    return "log-odds" if np.allclose(scores, odds, atol=1e-5) else "margin"


def _of_class(found: Any, final: Model, width: int) -> Floats:
    """Return contributions and base for the favourable class, from all classes' or the second's."""
    array = np.asarray(found, dtype=np.float64)
    many = array.reshape(len(array), -1, width)
    if many.shape[1] > 1:
        return np.asarray(many[:, final.at], dtype=np.float64)
    return -many[:, 0] if final.classes and final.at == 0 else many[:, 0]


def _xgboost(final: Model) -> Parts:
    def whole(prepared: Any) -> Floats:
        found = of_xgboost(final.native, prepared, pred_contribs=True)
        return _of_class(found, final, found.shape[-1])

    return whole


def _lightgbm(final: Model) -> Parts:
    native = final.native
    booster = native if type(native).__name__ == "Booster" else native.booster_

    def whole(prepared: Any) -> Floats:
        found = booster.predict(prepared, pred_contrib=True)
        return _of_class(dense(found), final, booster.num_feature() + 1)

    return whole


def _shap(final: Model, prepared: Any, against: Against) -> Parts | None:
    """Return what shap says, or None if it cannot read these trees, such as those that split text themselves."""
    rows = dense(prepared)
    if rows.dtype != np.float64:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the plotting library that shap imports
        shap = need("shap", "explain")
        how = {"data": rows, "feature_perturbation": "interventional"} if against == "background" else {}
        try:
            explainer = shap.TreeExplainer(final.native, **how)
        except Exception:  # noqa: BLE001 - whatever shap says of a model that it cannot read
            return None
    base = np.atleast_1d(np.asarray(explainer.expected_value, dtype=np.float64))

    def whole(prepared: Any) -> Floats:
        found = np.asarray(explainer.shap_values(dense(prepared), check_additivity=False), dtype=np.float64)
        by_class = found[:, None, :] if found.ndim == 2 else np.moveaxis(found, 2, 1)
        bases = np.broadcast_to(base[None, :, None], (*by_class.shape[:2], 1))
        both = np.concatenate([by_class, bases], axis=2)
        return _of_class(both, final, both.shape[2])

    return whole
