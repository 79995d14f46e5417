"""Tables of the papers, random small releases, the same rows on every engine, and slow obvious measures."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import duckdb
import pandas as pd
import polars as pl
from hypothesis import strategies as st

Columns = dict[str, list[Any]]


def columns_of(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Columns:
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


# -- tables of the papers ---------------------------------------------------------------------------------------------

# L. Sweeney (2002), k-anonymity, IJUFKS 10(5), figure 2: k = 2.
SWEENEY = columns_of(
    ["race", "birth", "gender", "zip", "problem"],
    [
        ("Black", "1965", "m", "0214*", "short breath"),
        ("Black", "1965", "m", "0214*", "chest pain"),
        ("Black", "1965", "f", "0213*", "hypertension"),
        ("Black", "1965", "f", "0213*", "hypertension"),
        ("Black", "1964", "f", "0213*", "obesity"),
        ("Black", "1964", "f", "0213*", "chest pain"),
        ("White", "1964", "m", "0213*", "chest pain"),
        ("White", "1964", "m", "0213*", "obesity"),
        ("White", "1964", "m", "0213*", "short breath"),
        ("White", "1967", "m", "0213*", "chest pain"),
        ("White", "1967", "m", "0213*", "chest pain"),
    ],
)

# A. Machanavajjhala et al. (2007), l-diversity, ACM TKDD 1(1), figures 1 to 3.
_PATIENTS = [
    ("13053", 28, "heart disease"),
    ("13068", 29, "heart disease"),
    ("13068", 21, "viral infection"),
    ("13053", 23, "viral infection"),
    ("14853", 50, "cancer"),
    ("14853", 55, "heart disease"),
    ("14850", 47, "viral infection"),
    ("14850", 49, "viral infection"),
    ("13053", 31, "cancer"),
    ("13053", 37, "cancer"),
    ("13068", 36, "cancer"),
    ("13068", 35, "cancer"),
]
_FOUR = ["130**, <30"] * 4 + ["1485*, >=40"] * 4 + ["130**, 3*"] * 4
_THREE = ["1305*", "1306*", "1306*", "1305*", *["1485*"] * 4, "1305*", "1305*", "1306*", "1306*"]
PATIENTS = columns_of(["zip", "age", "condition"], _PATIENTS)
FOUR_ANONYMOUS = {"class": _FOUR, "condition": [p[2] for p in _PATIENTS]}
THREE_DIVERSE = {"class": _THREE, "condition": [p[2] for p in _PATIENTS]}

# N. Li, T. Li, S. Venkatasubramanian (2007), t-closeness, ICDE: table 3, in the classes of table 5, and figure 2.
LI = columns_of(
    ["zip", "salary", "disease"],
    [
        ("4767*", 3, "gastric ulcer"),
        ("4767*", 5, "stomach cancer"),
        ("4767*", 9, "pneumonia"),
        ("4790*", 6, "gastritis"),
        ("4790*", 11, "flu"),
        ("4790*", 8, "bronchitis"),
        ("4760*", 4, "gastritis"),
        ("4760*", 7, "bronchitis"),
        ("4760*", 10, "stomach cancer"),
    ],
)
LI_TREE: dict[str, tuple[str, str]] = {
    disease: (group, system)
    for system, groups in {
        "respiratory": {
            "respiratory infection": ["flu", "pneumonia", "bronchitis"],
            "vascular lung": ["pulmonary edema", "pulmonary embolism"],
        },
        "digestive": {
            "stomach": ["gastric ulcer", "stomach cancer", "gastritis"],
            "colon": ["colitis", "colon cancer"],
        },
    }.items()
    for group, diseases in groups.items()
    for disease in diseases
}


# -- random releases --------------------------------------------------------------------------------------------------

AGES = st.one_of(st.none(), st.integers(0, 99))
ZIPS = st.sampled_from(["02138", "02139", "02141", "90210", "", None])
SEXES = st.sampled_from(["f", "m", None])
ILL = st.sampled_from(["flu", "ulcer", "gout", "flu ", None])
PAY = st.one_of(st.none(), st.integers(1, 9), st.sampled_from([2.5, math.nan]))


@st.composite
def releases(draw: st.DrawFn, *, least: int = 0, most: int = 24) -> Columns:
    rows = draw(st.integers(least, most))

    def of(values: st.SearchStrategy[Any]) -> list[Any]:
        few = draw(st.lists(values, min_size=1, max_size=5))
        return draw(st.lists(st.sampled_from(few), min_size=rows, max_size=rows))

    return {"age": of(AGES), "zip": of(ZIPS), "sex": of(SEXES), "ill": of(ILL), "pay": of(PAY)}


def as_polars(columns: Columns) -> pl.DataFrame:
    types = {"age": pl.Int64, "pay": pl.Float64}
    return pl.DataFrame({n: pl.Series(n, v, dtype=types.get(n, pl.String), strict=False) for n, v in columns.items()})


def as_records(columns: Columns) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


ENGINES: dict[str, Callable[[Columns], Any]] = {
    "columns": dict,
    "pandas": lambda c: pd.DataFrame({n: pd.Series(v, dtype=object if not v else None) for n, v in c.items()}),
    "polars": as_polars,
    "polars, lazy": lambda c: as_polars(c).lazy(),
    "pyarrow": lambda c: as_polars(c).to_arrow(),
    "DuckDB": lambda c: duckdb.from_arrow(as_polars(c).to_arrow()),
}


def as_columns(frame: Any) -> Columns:
    """Return any frame as lists, missing values as None."""
    if isinstance(frame, list):
        names = list(dict.fromkeys(k for row in frame for k in row))
        frame = {n: [row[n] for row in frame] for n in names}
    elif isinstance(frame, pd.DataFrame):
        frame = {str(c): frame[c].astype(object).tolist() for c in frame.columns}
    elif isinstance(frame, pl.LazyFrame):
        frame = frame.collect().to_dict(as_series=False)
    elif isinstance(frame, pl.DataFrame):
        frame = frame.to_dict(as_series=False)
    elif isinstance(frame, duckdb.DuckDBPyRelation):
        rows = frame.fetchall()
        frame = {n: [row[i] for row in rows] for i, n in enumerate(frame.columns)}
    elif not isinstance(frame, dict):
        frame = frame.to_pydict()
    return {n: [None if v is None or v != v else v for v in values] for n, values in frame.items()}


# -- slow, obvious measures -------------------------------------------------------------------------------------------


def present(value: Any) -> bool:
    return value is not None and value == value and value != ""


def slow_classes(columns: Columns, quasi: Sequence[str]) -> dict[tuple[Any, ...], list[int]]:
    """Return the rows of each class."""
    classes: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    count = len(next(iter(columns.values()), []))
    for i in range(count):
        classes[tuple(columns[q][i] if present(columns[q][i]) else None for q in quasi)].append(i)
    return classes


def slow_emd(own: Mapping[Any, float], whole: Mapping[Any, float], far: Callable[[Any, Any], float]) -> float:
    """Return the Earth Mover's distance as what it is: the cheapest transport, by linear programming."""
    from scipy.optimize import linprog

    values = list(whole)
    m = len(values)
    costs = [far(a, b) for a, b in itertools.product(values, values)]
    equal, sums = [], []
    for i in range(m):
        equal += [[float(a == i) for a, _ in itertools.product(range(m), range(m))]]
        equal += [[float(b == i) for _, b in itertools.product(range(m), range(m))]]
        sums += [own.get(values[i], 0.0), whole[values[i]]]
    done = linprog(costs, A_eq=equal, b_eq=sums, bounds=(0, None), method="highs")
    assert done.status == 0
    return float(done.fun)


def shares(values: Sequence[Any]) -> dict[Any, float]:
    counted = Counter(v for v in values if present(v))
    total = sum(counted.values())
    return {v: n / total for v, n in counted.items()}


def slow_measures(
    columns: Columns, quasi: Sequence[str], sensitive: str, far: Callable[[Any, Any], float], *, diversity: int = 2
) -> dict[str, float | None]:
    """Return the measures over the classes that hold a value of the sensitive column; None where none does."""
    whole = shares(columns[sensitive])
    found: dict[str, list[float]] = defaultdict(list)
    for rows in slow_classes(columns, quasi).values():
        own = shares([columns[sensitive][i] for i in rows])
        if not own:
            continue
        counted = sorted(Counter(columns[sensitive][i] for i in rows if present(columns[sensitive][i])).values())[::-1]
        tail = sum(counted[diversity - 1 :])
        found["distinct"].append(len(own))
        found["effective"].append(math.exp(-sum(p * math.log(p) for p in own.values())))
        found["recursive"].append(counted[0] / tail if tail else math.inf)
        found["closeness"].append(slow_emd(own, whole, far))
    worst = {"distinct": min, "effective": min, "recursive": max, "closeness": max}
    return {name: worst[name](found[name]) if found[name] else None for name in worst}


def ranked(values: Sequence[Any]) -> Callable[[Any, Any], float]:
    """Distance of numbers: by rank, in units of the whole range."""
    order = sorted(set(filter(present, values)))
    return lambda a, b: abs(order.index(a) - order.index(b)) / max(len(order) - 1, 1)


def alike(a: Any, b: Any) -> float:
    return float(a != b)


def in_tree(tree: Mapping[str, Sequence[str]]) -> Callable[[Any, Any], float]:
    """Distance in a tree: the height of the lowest node above both, in units of the tree's height."""

    def far(a: Any, b: Any) -> float:
        above = [(a, *tree[a], "root"), (b, *tree[b], "root")]
        return next(i for i in range(len(above[0])) if above[0][i:] == above[1][i:]) / (len(above[0]) - 1)

    return far
