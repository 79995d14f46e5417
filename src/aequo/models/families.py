"""How each kind of model is asked: scikit-learn and its kin, boosters, torch modules, functions."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from aequo.core.columns import Array
from aequo.core.counts import Floats
from aequo.errors import InputError, need

__all__ = ["Family", "Outputs", "Parts", "of_xgboost", "parts_of"]

Family = Literal["scikit-learn", "xgboost", "lightgbm", "torch", "function"]
"""What kind of object the model is, which decides how it is asked."""

Outputs = Literal["probabilities", "logits", "values"]
"""What a torch module or a function returns: probabilities of classes, their logits, or numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What is known of a model before anybody says which class is favourable.

    Attributes
    ----------
    columns : tuple of str
        Those that it was fitted on; empty if it was fitted on arrays, or does not say.
    classes : tuple
        As the model names them; empty for a regression.
    outputs : str
        What its answers are.
    ask : callable
        What it is given and the position of a class, to one score a row.
    margin : callable or None
        The same for its margin.
    """

    columns: tuple[str, ...]
    classes: tuple[Any, ...]
    outputs: Literal["probabilities", "values", "decisions", "logits"]
    ask: Callable[[Any, int], Floats]
    margin: Callable[[Any, int], Floats] | None


def parts_of(model: Any, outputs: Outputs | None) -> tuple[Family, Parts]:
    """Return what kind of object a model is, and how it is asked.

    Parameters
    ----------
    model : object
        A trained model.
    outputs : str or None
        What a torch module or a function returns.

    Raises
    ------
    InputError
        If it is no model, is not fitted, or does not say what it returns.
    """
    home = type(model).__module__.split(".", 1)[0]
    if home in ("xgboost", "lightgbm") and type(model).__name__ == "Booster":
        return ("xgboost", _xgboost(model)) if home == "xgboost" else ("lightgbm", _lightgbm(model))
    if _is_torch(model):
        return "torch", _torch(model, outputs)
    if hasattr(model, "predict") and not isinstance(model, type):
        family: Family = "xgboost" if home == "xgboost" else "lightgbm" if home == "lightgbm" else "scikit-learn"
        return family, _estimator(model)
    if callable(model) and not isinstance(model, type):
        return "function", _function(model, outputs or "probabilities")
    kind = model.__name__ if isinstance(model, type) else type(model).__name__
    raise InputError(f"the model is {kind}, expected a fitted model with predict, a torch module or a function.")


def _plain(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(v.item() if isinstance(v, np.generic) else v for v in values)


# -- scikit-learn and its kin -----------------------------------------------------------------------------------------


def _estimator(model: Any) -> Parts:
    if hasattr(model, "__sklearn_tags__") or hasattr(model, "get_params"):
        validation, exceptions = need("sklearn.utils.validation", "ml"), need("sklearn.exceptions", "ml")
        try:
            validation.check_is_fitted(model)
        except exceptions.NotFittedError:
            raise InputError(f"the model, a {type(model).__name__}, is not fitted; fit it first.") from None
    names = _try(lambda: model.feature_names_in_)
    columns = _unless_numbered(tuple(map(str, names))) if names is not None else ()
    classes = _plain(_try(lambda: np.asarray(model.classes_).tolist()) or ())
    if not classes:
        return Parts(columns=columns, classes=(), outputs="values", ask=_values(model), margin=_values(model))
    decides = not hasattr(model, "predict_proba")
    return Parts(
        columns=columns,
        classes=classes,
        outputs="decisions" if decides else "probabilities",
        ask=_decisions(model, classes) if decides else lambda fed, at: _asked(model, "predict_proba", fed)[:, at],
        margin=_estimator_margin(model, len(classes)),
    )


def _unless_numbered(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names, or none if they are those that lightgbm gives to the columns of an array."""
    return () if names == tuple(f"Column_{i}" for i in range(len(names))) else names


def _try(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except AttributeError:
        return None


def _asked(model: Any, method: str, fed: Any, **how: Any) -> Array:
    with warnings.catch_warnings():
        # Names are matched here by position: a model that was fitted without them is given none.
        warnings.filterwarnings("ignore", message=".*valid feature names.*")
        return np.asarray(getattr(model, method)(fed, **how))


def _values(model: Any) -> Callable[[Any, int], Floats]:
    def ask(fed: Any, at: int) -> Floats:  # noqa: ARG001 - as for classes
        found = _asked(model, "predict", fed)
        if found.ndim > 1 and found.shape[1] > 1:
            raise InputError(f"the model gives {found.shape[1]} values for a row; expected one.")
        return found.reshape(-1).astype(np.float64)

    return ask


def _decisions(model: Any, classes: tuple[Any, ...]) -> Callable[[Any, int], Floats]:
    return lambda fed, at: (_asked(model, "predict", fed) == classes[at]).astype(np.float64)


def _estimator_margin(model: Any, classes: int) -> Callable[[Any, int], Floats] | None:
    home = type(model).__module__.split(".", 1)[0]
    if home == "xgboost":
        return lambda fed, at: _of_class(of_xgboost(model, fed, output_margin=True), at, classes)
    if home == "lightgbm":  # the booster itself answers twenty times sooner than the estimator around it
        return lambda fed, at: _of_class(np.asarray(model.booster_.predict(fed, raw_score=True)), at, classes)
    if not hasattr(model, "decision_function"):
        return None
    return lambda fed, at: _of_class(_asked(model, "decision_function", fed), at, classes)


def _of_class(margin: Array, at: int, classes: int) -> Floats:
    """Return the margin for one class; of two classes, models give that of the second only."""
    if margin.ndim == 1:
        return np.asarray(margin if at == 1 or classes < 2 else -margin, dtype=np.float64)
    return np.asarray(margin[:, at] if margin.shape[1] > 1 else margin[:, 0], dtype=np.float64)


# -- boosters without their estimators --------------------------------------------------------------------------------


def of_xgboost(model: Any, fed: Any, **how: Any) -> Array:
    """Return what the booster within an xgboost model says, in less time than the estimator around it needs.

    Parameters
    ----------
    model : estimator or booster
        The model.
    fed : array or frame
        The rows.
    **how
        As for `xgboost.Booster.predict`, such as ``pred_contribs=True``.
    """
    xgboost = need("xgboost", "ml")
    booster, gap, end = model, np.nan, 0
    if type(model).__name__ != "Booster":
        booster, gap = model.get_booster(), model.missing
        end = _try(lambda: model.best_iteration + 1) or 0  # where it was stopped early
    names = None if hasattr(fed, "columns") else booster.feature_names
    matrix = xgboost.DMatrix(fed, missing=gap, enable_categorical=True, feature_names=names)
    return np.asarray(booster.predict(matrix, iteration_range=(0, end), **how))


def _xgboost(model: Any) -> Parts:
    config = json.loads(model.save_config())["learner"]
    objective, number = config["objective"]["name"], int(config["learner_model_param"]["num_class"])
    columns = tuple(model.feature_names or ())

    def ask(fed: Any, at: int, *, margin: bool = False) -> Floats:
        found = of_xgboost(model, fed, output_margin=margin).astype(np.float64)
        if number > 1:
            return found.reshape(len(found), -1)[:, at]
        return found if at or not objective.startswith("binary") else -found if margin else 1 - found

    return _booster(objective, number, columns, ask)


def _lightgbm(model: Any) -> Parts:
    head = model.model_to_string(num_iteration=1).split("\nTree=", 1)[0]
    said = dict(line.split("=", 1) for line in head.splitlines() if "=" in line)
    objective, number = said.get("objective", "").split(" ", 1)[0], int(said.get("num_class", "1"))
    columns = _unless_numbered(tuple(model.feature_name()))

    def ask(fed: Any, at: int, *, margin: bool = False) -> Floats:
        found = np.asarray(model.predict(fed, raw_score=margin), dtype=np.float64)
        if number > 1:
            return found[:, at]
        return found if at or not objective.startswith("binary") else -found if margin else 1 - found

    return _booster(objective, number, columns, ask)


def _booster(objective: str, number: int, columns: tuple[str, ...], ask: Callable[..., Floats]) -> Parts:
    classes = (0, 1) if objective.startswith("binary") else tuple(range(number)) if number > 1 else ()
    if objective in ("multi:softmax", "binary:hinge"):
        raise InputError(
            f"the booster's objective {objective!r} gives no probabilities; expected multi:softprob or logistic."
        )
    return Parts(
        columns=columns,
        classes=classes,
        outputs="probabilities" if classes else "values",
        ask=ask,
        margin=lambda fed, at: ask(fed, at, margin=True),
    )


# -- torch and functions ----------------------------------------------------------------------------------------------


def _is_torch(model: Any) -> bool:
    return any(
        base.__module__ == "torch.nn.modules.module" and base.__name__ == "Module" for base in type(model).__mro__
    )


def _torch(module: Any, outputs: Outputs | None) -> Parts:
    if outputs is None:
        raise InputError("a torch module has to say what it returns: outputs='logits', 'probabilities' or 'values'.")
    torch = need("torch", "torch")

    def forward(fed: Any) -> Array:
        weight = next((p for p in module.parameters() if p.is_floating_point()), None)
        kind, place = (weight.dtype, weight.device) if weight is not None else (torch.float32, "cpu")
        modes = [(part, part.training) for part in module.modules()]
        module.eval()
        try:
            with torch.no_grad():
                given = torch.as_tensor(np.array(fed, dtype=np.float64)).to(device=place, dtype=kind)
                return np.asarray(module(given).detach().to(device="cpu", dtype=torch.float64).numpy())
        finally:
            for part, training in modes:
                part.training = training

    return _returning(forward, outputs)


def _function(function: Callable[[Any], Any], outputs: Outputs) -> Parts:
    return _returning(lambda fed: np.asarray(function(fed), dtype=np.float64), outputs)


def _returning(forward: Callable[[Any], Array], outputs: Outputs) -> Parts:
    """Return the parts of what gives a batch of outputs: one number a row, or one for each class."""
    if outputs == "values":

        def values(fed: Any, at: int) -> Floats:  # noqa: ARG001 - as for classes
            return forward(fed).reshape(-1)

        return Parts(columns=(), classes=(), outputs="values", ask=values, margin=values)

    def probability(fed: Any, at: int) -> Floats:
        found = _two_columns(forward(fed), at, logits=outputs == "logits")
        return found if outputs == "probabilities" else 1 / (1 + np.exp(-np.clip(found, -700, 700)))

    return Parts(
        columns=(),
        classes=(0, 1),
        outputs=outputs,
        ask=probability,
        margin=(lambda fed, at: _two_columns(forward(fed), at, logits=True)) if outputs == "logits" else None,
    )


def _two_columns(found: Array, at: int, *, logits: bool) -> Floats:
    """Return the output for one of two classes, whether the model gives both or the second's alone."""
    if found.ndim == 2 and found.shape[1] == 2:
        return found[:, at] - found[:, 1 - at] if logits else found[:, at]
    if found.ndim == 2 and found.shape[1] > 2:
        raise InputError(
            f"the model gives {found.shape[1]} outputs a row; expected one, or one for each of two classes."
        )
    flat = found.reshape(-1)
    return flat if at else -flat if logits else 1 - flat
