"""Activity reports for the tests of the views: an ordinary one, an empty one, a failed check, hostile and many."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from aequo.core.intervals import normal_quantile, wilson
from aequo.ledger.check import Problem, Verification
from aequo.report.activity import (
    ActivityReport,
    Change,
    Day,
    Decisions,
    LedgerState,
    Mark,
    Overrides,
    Period,
    Rate,
    Scalar,
    StandsFor,
    Tally,
)

from .samples import HOSTILE

MADE = dt.datetime(2026, 2, 1, 8, 30, 5, 123456, tzinfo=dt.UTC)
VKEY = "example.com/loans+a3ad76db+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
NOTE = f"example.com/loans\n120\n{'A' * 43}=\n\n\u2014 example.com/loans {'B' * 92}\n"


def rate(count: int, n: int, *, least: int = 20, what: str = "outcome") -> Rate:
    if n < least:
        return Rate(
            count=count, n=n, value=None, interval=None, why=f"only {n} {what}s are known, and {least} are needed"
        )
    low, high = wilson(np.array([float(count)]), np.array([float(n)]), normal_quantile(0.975))
    return Rate(count=count, n=n, value=count / n, interval=(float(low[0]), float(high[0])))


def tallies(
    counts: Sequence[tuple[Scalar, int, StandsFor]], *, errors: Sequence[Rate] | None = None
) -> tuple[Tally, ...]:
    total = sum(n for _, n, _ in counts)
    return tuple(
        Tally(value=v, n=n, share=n / total, stands_for=s, errors=None if errors is None else errors[i])
        for i, (v, n, s) in enumerate(counts)
    )


def report(
    decisions: Decisions,
    overrides: Overrides,
    kinds: tuple[Tally, ...],
    *,
    verification: Verification | None = None,
    origin: str = "example.com/loans",
    limits: tuple[str, ...] = (),
) -> ActivityReport:
    entries = sum(t.n for t in kinds)
    return ActivityReport(
        ledger=LedgerState(
            origin=origin,
            vkey=VKEY,
            size=120,
            root="5f" * 32,
            checkpoint=NOTE,
            verification=verification,
            verified_at=None if verification is None else MADE,
        ),
        period=Period(
            since=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
            until=dt.datetime(2026, 2, 1, tzinfo=dt.UTC),
            outcomes_until=None,
            entries=entries,
            first=Mark(index=0, time=MADE - dt.timedelta(days=30)) if entries else None,
            last=Mark(index=entries - 1, time=MADE - dt.timedelta(days=1)) if entries else None,
        ),
        kinds=kinds,
        decisions=decisions,
        overrides=overrides,
        confidence=0.95,
        least=20,
        method=("Rates have Wilson's interval at 95%. On fewer than 20 decisions none is stated.",),
        limits=limits,
        version="0.1.0",
    )


def checked(problems: tuple[Problem, ...] = (), **how: Any) -> Verification:
    values: dict[str, Any] = {
        "size": 120,
        "root": "5f" * 32,
        "start": 0,
        "checkpoints": 3,
        "signed": 120,
        "witnessed": 0,
    }
    return Verification(ok=not problems, origin="example.com/loans", problems=problems, **{**values, **how})


def ordinary(*, verification: Verification | None = None) -> ActivityReport:
    """A hundred decisions, forty outcomes, four overrides."""
    by_version = tallies([("v3.1", 60, "value"), ("v3.0", 40, "value")], errors=[rate(3, 30), rate(1, 10)])
    by_outcome = tallies([("approve", 70, "value"), ("decline", 30, "value")], errors=[rate(2, 25), rate(2, 15)])
    by_operator = tallies([("desk-1", 90, "value"), (None, 10, "absent")], errors=[rate(4, 40), rate(0, 0)])
    return report(
        Decisions(
            n=100,
            by_day=(Day(day=dt.date(2026, 1, 5), n=60), Day(day=dt.date(2026, 1, 7), n=40)),
            by_version=by_version,
            by_operator=by_operator,
            by_outcome=by_outcome,
            by_verdict=tallies([(None, 100, "absent")]),
            errors=rate(4, 40),
            uncompared=0,
        ),
        Overrides(
            rate=rate(4, 100),
            by_operator=tallies([("m.lopez", 3, "value"), ("k.adeyemi", 1, "value")]),
            changes=(
                Change(output="decline", to="approve", n=3, share=0.75),
                Change(output="approve", to="decline", n=1, share=0.25),
            ),
        ),
        tallies([("decision", 100, "value"), ("outcome", 40, "value"), ("override", 4, "value")]),
        verification=checked() if verification is None else verification,
        limits=("The error rate is that of the 40 decisions whose outcome is known.",),
    )


def empty() -> ActivityReport:
    """Nothing was recorded, and nobody checked the ledger."""
    nothing = Rate(count=0, n=0, value=None, interval=None, why="no outcome is known")
    return report(
        Decisions(
            n=0, by_day=(), by_version=(), by_operator=(), by_outcome=(), by_verdict=(), errors=nothing, uncompared=0
        ),
        Overrides(rate=nothing, by_operator=(), changes=()),
        (),
    )


def tampered() -> ActivityReport:
    """An entry is not what was recorded."""
    what = "entry 17 was changed: its bytes do not fit its hash."
    return ordinary(verification=checked((Problem(entry=17, what=what), Problem(entry=18, what="another."))))


def hostile() -> ActivityReport:
    """Names that want to be markup, links, or to turn the line around."""
    named = tallies([(name, 10, "value") for name in HOSTILE], errors=[rate(1, 5) for _ in HOSTILE])
    return report(
        Decisions(
            n=10 * len(HOSTILE),
            by_day=(Day(day=dt.date(2026, 1, 5), n=10 * len(HOSTILE)),),
            by_version=named,
            by_operator=named,
            by_outcome=tallies(
                [(True, 5, "value"), ("true", 4, "value"), (None, 3, "value"), (None, 2, "sealed"), (None, 1, "others")]
            ),
            by_verdict=tallies([(name, 10, "value") for name in HOSTILE]),
            errors=rate(len(HOSTILE), 5 * len(HOSTILE)),
            uncompared=2,
        ),
        Overrides(
            rate=rate(len(HOSTILE), 10 * len(HOSTILE)),
            by_operator=tallies([(name, 1, "value") for name in HOSTILE]),
            changes=tuple(Change(output=name, to=name, n=1, share=1 / len(HOSTILE)) for name in HOSTILE),
        ),
        tallies([("decision", 10 * len(HOSTILE), "value")]),
        origin=HOSTILE[0],
    )


def many(values: int = 1000, days: int = 3000) -> ActivityReport:
    """More values and days than anybody reads."""
    named = tallies(
        [(f"value number {i} of a long list", 5, "value") for i in range(values)],
        errors=[rate(3, 30) for _ in range(values)],
    )
    start = dt.date(2018, 1, 1)
    return report(
        Decisions(
            n=5 * values,
            by_day=tuple(Day(day=start + dt.timedelta(days=i), n=1 + i % 7) for i in range(days)),
            by_version=named,
            by_operator=named,
            by_outcome=named,
            by_verdict=tallies([(t.value, t.n, "value") for t in named]),
            errors=rate(3 * values, 30 * values),
            uncompared=0,
        ),
        Overrides(
            rate=rate(values, 5 * values),
            by_operator=named,
            changes=tuple(Change(output=t.value, to="other", n=1, share=1 / values) for t in named),
        ),
        tallies([(f"kind-{i}", 5, "value") for i in range(values)]),
        verification=checked(witnessed=100),
    )


SAMPLES: dict[str, Callable[[], ActivityReport]] = {
    "ordinary": ordinary,
    "empty": empty,
    "tampered": tampered,
    "hostile": hostile,
    "many": many,
}
