"""What kind of outcome a table holds and which value is favourable, or why it cannot be assessed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aequo.core.counts import Counts
from aequo.core.policy import Policy
from aequo.errors import InputError, UnknownGroup, did_you_mean
from aequo.fairness.measures import Outcomes, listed

__all__ = ["settle"]


def settle(policy: Policy, counts: Counts) -> tuple[Policy, str]:
    """Find the kind of outcome and the favourable value, and refuse what cannot be judged."""
    _check_names(policy, counts)
    if counts.sums.keys() & {"y_n", "p_n"}:
        return policy, "regression"
    label, prediction = counts.role("label"), counts.role("prediction")
    decision = prediction or label
    if decision is None:
        raise InputError("no outcome was given: say which column holds it (label=, prediction= or score=).")
    seen = {v for v in decision.levels if v is not None}
    if not seen:
        raise InputError(f"every value of {decision.name!r} is missing: there is nothing to assess.")
    if prediction is None and len(seen) == 1:
        raise InputError(
            f"{decision.name!r} is {listed(seen)} in every row: no decision differs, so groups cannot be compared. "
            "Check that it is the right column."
        )
    if label is not None and prediction is not None and not counts.thresholded:
        _same_values(label.name, label.levels, prediction.name, prediction.levels)
    classes = {v for dim in (label, prediction) if dim is not None for v in dim.levels if v is not None}
    if counts.thresholded and label is not None:
        classes = {v for v in label.levels if v is not None}
    many = policy.data.task == "multiclass" or (
        policy.data.task == "auto" and len(classes) > 2 and policy.data.favourable is None
    )
    if many:
        if counts.role("bin") is not None:
            raise InputError(
                f"{label.name if label else ''!r} has {len(classes)} values; a score needs two: say which one is "
                "favourable (favourable=, --favourable)."
            )
        return policy, "multiclass"
    best = Outcomes.of(counts, favourable=policy.data.favourable).favourable
    return policy.replace(**{"data.favourable": best}), "binary"


def _check_names(policy: Policy, counts: Counts) -> None:
    """Refuse groups that the policy names and the data do not have."""
    for column, name in policy.groups.reference.items():
        groups = counts.groups(column)
        if name not in groups.labels:
            _unknown_reference(column, name, groups.labels)
    for column, shares in policy.groups.population.items():
        if column in counts.names("group"):
            _misspelt(column, shares, counts.groups(column).labels)


def _unknown_reference(column: str, name: str, known: tuple[str, ...]) -> None:
    some = ", ".join(known[:20]) + (", …" if len(known) > 20 else "")
    raise UnknownGroup(f"no group {name!r} in column {column!r}. Groups: {some}.{did_you_mean(name, known)}")


def _misspelt(column: str, shares: Iterable[str], known: tuple[str, ...]) -> None:
    """Refuse a population that spells a group otherwise than the data; a group that the data lack is no mistake."""
    unclaimed = [name for name in known if name not in set(shares)]
    for name in shares:
        hint = did_you_mean(name, unclaimed)
        if name not in known and hint:
            raise UnknownGroup(f"the population of {column!r} names {name!r}, which is not in the data.{hint}")


def _same_values(label: str, labels: Sequence[str | None], prediction: str, predictions: Sequence[str | None]) -> None:
    binary = {"0", "1", "True", "False"}
    known, new = {v for v in labels if v is not None}, {v for v in predictions if v is not None}
    if new <= known or not known or (known <= binary and new <= binary):
        return
    raise InputError(
        f"{prediction!r} has values that are not values of {label!r}: {listed(new - known)}; labels are "
        f"{listed(known)}. If it holds scores, give it as the score instead."
    )
