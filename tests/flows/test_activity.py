"""Activity reports: totals are those of a slow loop over the entries, and what is not known is said to be unknown."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import json
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aequo.core.finding import Status
from aequo.core.intervals import normal_quantile, wilson
from aequo.errors import InputError, Tampered
from aequo.flows.activity import report_activity
from aequo.flows.activity_count import MOST_VALUES
from aequo.flows.lookup import moment
from aequo.ledger import KeyRing, Ledger
from aequo.report.activity import ActivityReport

DAY = dt.timedelta(days=1)
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


class Clock:
    """The time of day, as a ledger reads it."""

    def __init__(self) -> None:
        self.now = START

    def time_ns(self) -> int:
        return (self.now - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1) * 1000


@contextlib.contextmanager
def ledger_at(clock: Clock) -> Iterator[Ledger]:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("aequo.ledger.ledger.time", SimpleNamespace(time_ns=clock.time_ns))
        with Ledger.open(f"sqlite:///{folder}/x.db", key=KeyRing.new(), origin="example.com/x") as ledger:
            yield ledger


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(clock: Clock) -> Iterator[Ledger]:
    with ledger_at(clock) as opened:
        yield opened


def decide(ledger: Ledger, output: Any = "approve", **how: Any) -> int:
    receipt = ledger.log_decision(input={"x": 1}, output=output, **{"model_version": "v1", **how})
    assert receipt.index is not None
    return receipt.index


# -- the slow loop ----------------------------------------------------------------------------------------------------


def kind_of_value(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, (int, float)) else type(value).__name__


def key_of(value: object) -> str:
    return json.dumps(float(value) if kind_of_value(value) == "number" else value)


def slow(ledger: Ledger, since: dt.datetime, until: dt.datetime, late: dt.datetime) -> dict[str, Any]:
    """Count in the most obvious way, from entries in the order in which they were recorded."""
    with Ledger.open(ledger.url, create=False) as plain:  # what is sealed counts for nothing
        entries = list(plain.entries())
    inside = [e for e in entries if since <= e.time < until]
    decisions = [e for e in inside if e.kind == "decision"]
    truths: dict[int, object] = {}
    changed: dict[int, tuple[object, str]] = {}
    for e in entries:
        if e.time < late and e.kind == "outcome":
            truths[e.event["of"]] = e.event["truth"]
        if e.time < late and e.kind == "override":
            changed[e.event["of"]] = (e.event["output"], e.event["operator_id"])
    found: dict[str, Any] = {
        "entries": len(inside),
        "kinds": Counter(e.kind for e in inside),
        "decisions": len(decisions),
        "days": Counter(e.time.date().isoformat() for e in decisions),
        "versions": Counter(e.event["model_version"] for e in decisions),
        "operators": Counter(e.event.get("operator_id") for e in decisions),
        "outcomes": Counter(key_of(e.event["output"]) for e in decisions if "output" in e.event),
        "known": Counter(),
        "wrong": Counter(),
        "uncompared": 0,
        "overridden": sum(e.index in changed for e in decisions),
        "overriders": Counter(changed[e.index][1] for e in decisions if e.index in changed),
        "changes": Counter(key_of(changed[e.index][0]) for e in decisions if e.index in changed),
    }
    for e in decisions:
        if e.index not in truths:
            continue
        output, truth = e.event.get("output", ...), truths[e.index]
        if kind_of_value(output) != kind_of_value(truth):
            found["uncompared"] += 1
            continue
        for name in ("all", e.event["model_version"], f"by {e.event.get('operator_id')}"):
            found["known"][name] += 1
            found["wrong"][name] += output != truth
    return found


def fast(report: ActivityReport) -> dict[str, Any]:
    d, o = report.decisions, report.overrides
    rates = {"all": d.errors, **{t.value: t.errors for t in d.by_version}}
    rates |= {f"by {t.value}": t.errors for t in d.by_operator}
    to: Counter[str] = Counter()
    for c in o.changes:
        to[key_of(c.to)] += c.n
    return {
        "entries": report.period.entries,
        "kinds": {t.value: t.n for t in report.kinds},
        "decisions": d.n,
        "days": {x.day.isoformat(): x.n for x in d.by_day},
        "versions": {t.value: t.n for t in d.by_version},
        "operators": {t.value: t.n for t in d.by_operator},
        "outcomes": {key_of(t.value): t.n for t in d.by_outcome if t.stands_for == "value"},
        "known": {k: r.n for k, r in rates.items() if r is not None and r.n},
        "wrong": {k: r.count for k, r in rates.items() if r is not None and r.count},
        "uncompared": d.uncompared,
        "overridden": o.rate.count,
        "overriders": {t.value: t.n for t in o.by_operator},
        "changes": to,
    }


VALUE = st.sampled_from(["approve", "decline", "1", 1, 0, 1.0, 0.5, True, False, None])
STEP = st.one_of(
    st.tuples(st.just("decision"), st.one_of(VALUE, st.just(["a", "list"])), st.sampled_from(["v1", "v2"]),
              st.sampled_from(["ann", "bob", None]), st.sampled_from(["person-1", None])),
    st.tuples(st.just("outcome"), VALUE, st.integers(0, 9)),
    st.tuples(st.just("override"), VALUE, st.integers(0, 9), st.sampled_from(["cy", "di"])),
    st.tuples(st.just("review"), st.integers(0, 3)),
    st.tuples(st.just("wait"), st.integers(1, 30)),
)  # fmt: skip


def play(ledger: Ledger, clock: Clock, steps: list[tuple[Any, ...]]) -> None:
    made: list[int] = []
    for kind, *what in steps:
        if kind == "wait":
            clock.now += what[0] * dt.timedelta(hours=1)
        elif kind == "decision":
            made.append(decide(ledger, what[0], model_version=what[1], operator_id=what[2], subject=what[3]))
        elif kind == "review":
            ledger.append({"kind": "review", "stars": what[0]})
        elif made and kind == "outcome":
            ledger.attach_outcome(made[-1 - what[1] % len(made)], what[0])
        elif made:
            ledger.override(made[-1 - what[1] % len(made)], what[0], operator_id=what[2], reason="because")


@settings(max_examples=60)
@given(st.lists(STEP, max_size=40), st.integers(0, 60), st.integers(0, 60), st.integers(0, 90))
def test_a_report_is_what_a_slow_loop_over_the_entries_counts(
    steps: list[tuple[Any, ...]], begin: int, length: int, more: int
) -> None:
    clock = Clock()
    hour = dt.timedelta(hours=1)
    since, until = START + begin * hour, START + (begin + length) * hour
    with ledger_at(clock) as ledger:
        play(ledger, clock, steps)
        report = report_activity(ledger, since=since, until=until, outcomes_until=until + more * hour, verify=False)
        expected = slow(ledger, since, until, until + more * hour)
        everything = report_activity(ledger, verify=False)
        all_expected = slow(ledger, START - DAY, START + 1000 * DAY, START + 1000 * DAY)
    for made, slowly in ((report, expected), (everything, all_expected)):
        counted = fast(made)
        for name, value in slowly.items():
            told = counted[name]
            kept = {k: v for k, v in value.items() if v} if isinstance(value, Counter) else value
            assert told == kept, name


@settings(max_examples=25)
@given(st.lists(STEP, max_size=40), st.lists(st.integers(0, 200), min_size=1, max_size=3))
def test_periods_that_follow_one_another_add_up(steps: list[tuple[Any, ...]], cuts: list[int]) -> None:
    clock = Clock()
    with ledger_at(clock) as ledger:
        play(ledger, clock, steps)
        edges = [None, *(START + hours * dt.timedelta(hours=1) for hours in sorted(cuts)), None]
        parts = [report_activity(ledger, since=a, until=b, verify=False) for a, b in itertools.pairwise(edges)]
        whole = report_activity(ledger, verify=False)
    assert sum(p.period.entries for p in parts) == whole.period.entries
    for name in ("n", "uncompared"):
        assert sum(getattr(p.decisions, name) for p in parts) == getattr(whole.decisions, name)
    for name in ("count", "n"):
        assert sum(getattr(p.decisions.errors, name) for p in parts) == getattr(whole.decisions.errors, name)
        assert sum(getattr(p.overrides.rate, name) for p in parts) == getattr(whole.overrides.rate, name)


@settings(max_examples=25)
@given(st.lists(STEP, max_size=40))
def test_every_table_divides_all_that_is_counted(steps: list[tuple[Any, ...]]) -> None:
    clock = Clock()
    with ledger_at(clock) as ledger:
        play(ledger, clock, steps)
        report = report_activity(ledger, verify=False)
    d, o = report.decisions, report.overrides
    for tallies in (d.by_version, d.by_operator, d.by_outcome, d.by_verdict):
        assert sum(t.n for t in tallies) == d.n
        assert not tallies or sum(t.share for t in tallies) == pytest.approx(1)
        assert [t.n for t in tallies] == sorted((t.n for t in tallies), reverse=True)
    for tallies in (d.by_version, d.by_operator, d.by_outcome):
        assert sum(t.errors.count for t in tallies if t.errors) == d.errors.count
    assert sum(day.n for day in d.by_day) == d.n
    assert sum(t.n for t in report.kinds) == report.period.entries
    assert sum(c.n for c in o.changes) == sum(t.n for t in o.by_operator) == o.rate.count


# -- outcomes ---------------------------------------------------------------------------------------------------------


def test_rates_have_wilsons_interval(ledger: Ledger) -> None:
    for i in range(40):
        ledger.attach_outcome(decide(ledger), "approve" if i % 4 else "decline")
    rate = report_activity(ledger, verify=False).decisions.errors
    low, high = wilson(*((__import__("numpy").array([v])) for v in (10.0, 40.0)), normal_quantile(0.975))
    assert (rate.count, rate.n, rate.value, rate.interval) == (10, 40, 0.25, (low[0], high[0]))
    assert report_activity(ledger, verify=False, confidence=0.5).decisions.errors.interval[0] > low[0]  # type: ignore[index]


def test_too_few_outcomes_are_unknown_and_never_zero(ledger: Ledger) -> None:
    indices = [decide(ledger) for _ in range(30)]
    rate = report_activity(ledger, verify=False).decisions.errors
    assert (rate.value, rate.interval, rate.why) == (None, None, "no outcome is known")
    ledger.attach_outcome(indices[0], "approve")
    rate = report_activity(ledger, verify=False).decisions.errors
    assert (rate.value, rate.why) == (None, "only 1 outcome is known, and 20 are needed")
    for index in indices[1:20]:
        ledger.attach_outcome(index, "approve")
    report = report_activity(ledger, verify=False)
    assert report.decisions.errors.value == 0
    assert "20 decisions whose outcome is known; of the other 10 nothing follows" in report.limits[0]
    assert report_activity(ledger, verify=False, least=21).decisions.errors.value is None
    assert report_activity(ledger, verify=False, since="2030-01-01").overrides.rate.why == "no decision is there"


def test_the_newest_outcome_counts_also_one_that_came_after_the_period(ledger: Ledger, clock: Clock) -> None:
    index = decide(ledger)
    clock.now += 40 * DAY
    ledger.attach_outcome(index, "approve")
    clock.now += 40 * DAY
    ledger.attach_outcome(index, "decline")
    january = {"since": "2026-01-01", "until": "2026-02-01", "verify": False, "least": 1}
    assert report_activity(ledger, **january).decisions.errors.value == 1
    assert report_activity(ledger, outcomes_until="2026-03-01", **january).decisions.errors.value == 0
    assert report_activity(ledger, outcomes_until="2026-02-01", **january).decisions.errors.value is None
    february = report_activity(ledger, since="2026-02-01", verify=False)
    assert february.decisions.n == 0
    assert "recorded in the period, 2 are on decisions outside of it" in february.limits[0]


@pytest.mark.parametrize(
    ("output", "truth", "compared"),
    [
        ("approve", "approve", True),
        (1, 1.0, True),
        (True, True, True),
        (None, None, True),
        ("1", 1, False),
        (True, 1, False),
        (None, "approve", False),
        ({"a": 1}, "approve", False),
        ("x" * 65, "approve", False),
    ],
)
def test_only_values_of_one_sort_are_compared(ledger: Ledger, output: Any, truth: Any, compared: bool) -> None:
    ledger.attach_outcome(decide(ledger, output), truth)
    report = report_activity(ledger, verify=False, least=1)
    assert report.decisions.uncompared == (not compared)
    assert report.decisions.errors.value == (0 if compared else None)
    assert compared or "the outcome could not be compared" in report.limits[0]


def test_an_outcome_on_another_entry_than_its_hash_says_counts_for_nothing(ledger: Ledger) -> None:
    index = decide(ledger)
    leaf = ledger.entry(index).leaf.hex()
    for of, said in ((index, "00" * 32), (index + 7, leaf), (-1, leaf), ("0", leaf), (None, leaf), (2.5, leaf)):
        ledger.append({"kind": "outcome", "of": of, "leaf": said, "truth": "decline"})
    assert report_activity(ledger, verify=False, least=1).decisions.errors.n == 0
    ledger.attach_outcome(index, "approve")
    ledger.append({"kind": "outcome", "of": index, "leaf": "00" * 32, "truth": "decline"})
    assert report_activity(ledger, verify=False, least=1).decisions.errors.value == 0


def test_events_of_any_shape_are_counted_by_kind(ledger: Ledger) -> None:
    odd = [
        [1, 2],
        None,
        "text",
        {"kind": "decision"},
        {"kind": "decision", "model_version": 3, "operator_id": ["x"], "output": [1]},
        {"kind": "decision", "model_version": "v1", "output": 10**30},
        {"kind": "outcome", "of": "x"},
        {"kind": "override"},
        {"kind": "note", "of": 1, "output": {"a": 1}},
    ]
    ledger.append_many(odd)
    ledger.append({"kind": "decision", "output": "approve", "model_version": "v1"}, subject="person-1")
    report = report_activity(ledger, verify=False)
    assert {t.value: t.n for t in report.kinds} == {"event": 3, "decision": 4, "outcome": 1, "override": 1, "note": 1}
    assert {(t.value, t.stands_for): t.n for t in report.decisions.by_version} == {
        ("v1", "value"): 1,
        (None, "absent"): 3,
    }
    assert {t.stands_for for t in report.decisions.by_outcome} == {"value", "sealed"}


def test_different_values_without_end_are_counted_together(ledger: Ledger) -> None:
    ledger.append_many({"kind": "decision", "model_version": f"v{i}", "output": i / 7} for i in range(MOST_VALUES + 50))
    d = report_activity(ledger, verify=False).decisions
    for tallies in (d.by_version, d.by_outcome):
        assert len(tallies) == MOST_VALUES + 1
        assert (tallies[-1].stands_for, tallies[-1].n) == ("others", 50)
    assert "further ones are counted together" in report_activity(ledger, verify=False).limits[-1]


# -- the ledger -------------------------------------------------------------------------------------------------------


def test_a_report_says_whether_the_ledger_was_checked(ledger: Ledger, tmp_path: Path) -> None:
    decide(ledger)
    report = report_activity(ledger)
    assert report.ledger.status is Status.PASS
    assert (report.ledger.size, report.ledger.root) == (1, ledger.root.hex())
    assert report.ledger.origin == "example.com/x"
    assert report_activity(ledger, verify=False).ledger.status is Status.UNKNOWN
    witnessed = report_activity(ledger, verify=ledger.verify(ledger.checkpoint()))
    assert witnessed.ledger.verification is not None and witnessed.ledger.verification.witnessed == 1
    path = ledger.url.removeprefix("sqlite:///")
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE entries SET body = CAST(replace(CAST(body AS TEXT), 'approve', 'decline') AS BLOB)")
    changed = report_activity(ledger)
    assert changed.ledger.status is Status.FAIL
    assert "NOT as recorded" in repr(changed)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("DELETE FROM entries WHERE id = 2", "entry 1 is missing"),
        ("UPDATE entries SET body = x'00' WHERE id = 2", "entry 1 cannot be read"),
        ("UPDATE entries SET body = '{}' WHERE id = 2", "entry 1 cannot be read"),
        ("UPDATE entries SET time = 1 << 61 WHERE id = 2", "the time of entry 1 cannot be one"),
    ],
)
def test_an_entry_that_is_gone_or_cannot_be_read_is_no_matter_to_pass_over(
    ledger: Ledger, change: str, message: str
) -> None:
    for _ in range(3):
        decide(ledger)
    with contextlib.closing(sqlite3.connect(ledger.url.removeprefix("sqlite:///"))) as db, db:
        db.execute(change)
    with pytest.raises(Tampered, match=message):
        report_activity(ledger, verify=False)


def test_the_key_is_not_needed_and_makes_no_difference(ledger: Ledger) -> None:
    for i in range(25):
        ledger.attach_outcome(decide(ledger, subject=f"person-{i}", metadata={"name": "Jane"}), "approve")
    ledger.override(0, "decline", operator_id="ann", reason="Jane asked")
    with Ledger.open(ledger.url, create=False) as locked:
        assert report_activity(locked, verify=False).to_dict() == report_activity(ledger, verify=False).to_dict()


def test_nothing_of_a_person_is_in_any_view(ledger: Ledger) -> None:
    index = decide(
        ledger, subject="jane.doe@example.com", metadata={"name": "Jane Doe"}, output={"letter": "Dear Jane"}
    )
    ledger.override(index, "decline", operator_id="ann", reason="Jane said so")
    report = report_activity(ledger)
    subject = ledger.subject_id("jane.doe@example.com").hex()
    for text in (report.to_json(), report.to_markdown(), report.to_html(), repr(report)):
        assert "Jane" not in text and "jane" not in text and subject not in text


def test_an_empty_ledger_has_an_empty_report(ledger: Ledger) -> None:
    report = report_activity(ledger)
    assert (report.decisions.n, report.period.first, report.kinds, report.decisions.by_day) == (0, None, (), ())
    assert report.decisions.errors.why == "no outcome is known"
    assert "No decision was recorded." in report.to_markdown()


def test_a_period_in_a_long_ledger_is_read_without_the_rest(
    ledger: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        ledger.append_many({"kind": "decision", "model_version": "v1", "output": 1} for _ in range(600))
        clock.now += DAY
    read: list[int] = []
    real = ledger.store.rows

    def rows(start: int, stop: int) -> Any:
        read.extend(range(start, stop))
        return real(start, stop)

    monkeypatch.setattr(ledger.store, "rows", rows)
    report = report_activity(ledger, since=START + 4 * DAY, verify=False)
    assert report.decisions.n == 600
    assert len(read) < 1000


# -- the call ---------------------------------------------------------------------------------------------------------


def test_a_moment_is_a_date_or_a_time_in_any_zone() -> None:
    noon = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
    assert moment("2026-01-31T12:00") == moment("2026-01-31T13:00+01:00") == moment(noon.replace(tzinfo=None)) == noon
    assert moment(dt.date(2026, 1, 31)) == moment(" 2026-01-31 ") == noon - dt.timedelta(hours=12)
    with pytest.raises(InputError, match="'yesterday' is no date, expected one such as 2026-01-31"):
        moment("yesterday")


def test_a_call_that_means_nothing_is_refused(ledger: Ledger) -> None:
    with pytest.raises(InputError, match="the period ends before it begins"):
        report_activity(ledger, since="2026-02-01", until="2026-01-01")
    with pytest.raises(InputError, match="confidence is 95, expected"):
        report_activity(ledger, confidence=95)
