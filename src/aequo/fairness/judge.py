"""One rule from an interval and a limit to a status, the same for every check; and many statuses decided together."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from aequo.core.finding import Status

__all__ = ["decide", "judge"]


def judge(
    value: float | None, interval: tuple[float, float] | None, limit: float | None, *, floor: bool = False
) -> Status:
    """Return PASS if the whole interval keeps the limit, FAIL if the whole interval breaks it, else UNKNOWN.

    Parameters
    ----------
    value : float or None
        The estimate. Without one nothing can be judged.
    interval : tuple of float or None
        Its low and high end.
    limit : float or None
        What it is held against.
    floor : bool
        Whether the value must not be under the limit (a ratio, a share) instead of not over it (a difference).

    Examples
    --------
    >>> [judge(0.2, interval, 0.1).value for interval in ((0.15, 0.25), (0.05, 0.35), None)]
    ['fail', 'unknown', 'unknown']
    >>> judge(0.9, (0.85, 0.95), 0.8, floor=True).value
    'pass'
    """
    if value is None or interval is None or limit is None:
        return Status.UNKNOWN
    low, high = interval
    if any(math.isnan(x) for x in (value, low, high, limit)):
        return Status.UNKNOWN
    if floor:
        return Status.PASS if low >= limit else Status.FAIL if high < limit else Status.UNKNOWN
    return Status.PASS if high <= limit else Status.FAIL if low > limit else Status.UNKNOWN


def decide(
    statuses: Sequence[Callable[[float], Status]], confidence: float, *, multiplicity: str = "holm"
) -> list[Status]:
    """Decide many checks together, so that the chance of any wrong PASS or FAIL is at most ``1 - confidence``.

    Holm's step-down: with m checks open, those that are certain at level ``1 - (1 - confidence) / m`` are settled,
    m falls, and so on until none is. What stays open is UNKNOWN.

    Parameters
    ----------
    statuses : sequence of callable
        For each check, confidence level to status, from an interval at that level.
    confidence : float
        Level for the family, in (0, 1).
    multiplicity : {"holm", "none"}
        ``"none"`` decides each check on its own.

    References
    ----------
    S. Holm (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6.

    Examples
    --------
    >>> sure = lambda confidence: Status.FAIL
    >>> close = lambda confidence: Status.PASS if confidence < 0.97 else Status.UNKNOWN
    >>> [s.value for s in decide([sure, close], 0.95)], [s.value for s in decide([close, close], 0.95)]
    (['fail', 'pass'], ['unknown', 'unknown'])
    """
    if multiplicity == "none":
        return [status(confidence) for status in statuses]
    decided: dict[int, Status] = {}
    open_checks = list(range(len(statuses)))
    while open_checks:
        level = 1 - (1 - confidence) / len(open_checks)
        settled = {i: s for i in open_checks if (s := statuses[i](level)) is not Status.UNKNOWN}
        if not settled:
            break
        decided |= settled
        open_checks = [i for i in open_checks if i not in settled]
    return [decided.get(i, Status.UNKNOWN) for i in range(len(statuses))]
