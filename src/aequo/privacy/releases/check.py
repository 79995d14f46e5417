"""Check a table before it is released: k-anonymity, l-diversity, t-closeness, and what would mend it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, get_args

import numpy as np

from aequo import __version__
from aequo.core.counts import Floats
from aequo.core.finding import Evidence, overall
from aequo.core.table import Table
from aequo.errors import InputError, UnknownColumn, did_you_mean
from aequo.privacy.pseudonyms.personal import PersonalColumn, sample_of
from aequo.privacy.releases.classes import Classes, Held, classes_of, table_of, texts_of
from aequo.privacy.releases.findings import Judge, Limits, many
from aequo.privacy.releases.measures import (
    Diversity,
    Taxonomy,
    distinct_values,
    effective_values,
    known_only,
    recursive_ratio,
    tree_of,
)
from aequo.privacy.releases.result import ReleaseCheck, Sensitive, SmallClass
from aequo.privacy.releases.rules import Rule
from aequo.privacy.releases.search import Goal, Suggestion, suggestions

__all__ = ["check_release"]

_SHOWN = 10


def check_release(
    data: Any,
    *,
    quasi: Sequence[str] | str,
    sensitive: Sequence[str] | str = (),
    k: int = 5,
    l: int | None = 2,  # noqa: E741 - the name that everyone knows it by
    t: float | None = 0.2,
    c: float = 3.0,
    diversity: Diversity = "distinct",
    taxonomies: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
    ignore: Collection[str] = (),
    suggest: bool = False,
    most_suppressed: float = 0.05,
    hierarchies: Mapping[str, Sequence[Rule]] | None = None,
    suppress_below: int = 5,
    reveal: bool = False,
    missing: Sequence[str] = ("",),
    encoding: str = "utf-8",
    progress: Callable[[str], None] | None = None,
) -> ReleaseCheck:
    """Measure how well the people in a table are hidden among each other, and judge it.

    Parameters
    ----------
    data : path, frame, columns or records
        What `aequo.Table` takes, or a list of dicts. Rows are counted once where they are; a file may be larger than
        memory, which has to hold some 200 bytes for each combination of values that occurs.
    quasi : str or sequence of str
        Quasi-identifiers: columns that somebody else may know of a person, such as age, postcode, sex. Rows that agree
        in all of them are an equivalence class.
    sensitive : str or sequence of str
        Columns that are not to be learned, such as a diagnosis or a salary.
    k : int
        Fewest rows in a class (k-anonymity [1]_).
    l : int or None
        Fewest different sensitive values in a class (l-diversity [2]_); None does not ask for it.
    t : float or None
        Largest Earth Mover's distance, 0..1, of a class's sensitive values from those of all rows (t-closeness [3]_);
        None does not ask for it.
    c : float
        For recursive (c, l)-diversity: the most frequent value is to occur less than c times as often as the l-th and
        rarer ones together.
    diversity : {"distinct", "entropy", "recursive"}
        Which form of l-diversity is required; the other two only warn.
    taxonomies : mapping, optional
        For a sensitive column: each value's nodes in a tree of meanings, nearest first, without the root. Then values
        are as far apart as their nearest common node is high.
    ignore : collection of str
        Other columns that were looked at by somebody, and identify nobody, although they look so.
    suggest : bool
        Also search for plans that reach what is asked for.
    most_suppressed : float
        Largest share of rows that a plan may take out, 0..1.
    hierarchies : mapping of str to sequence of Rule, optional
        How columns become coarser, from fine to coarse, instead of the usual rules for their kind.
    suppress_below : int
        The values of classes with fewer rows are withheld from the result (the policy's ``privacy.suppress_below``).
    reveal : bool
        Show them all the same, for those who may see the data.
    missing : sequence of str
        Texts that mean "missing", beside null and NaN.
    encoding : str
        Encoding of CSV files.
    progress : callable, optional
        Told in a few words what is done.

    Returns
    -------
    ReleaseCheck
        Findings ``privacy/k-anonymity/...``, ``privacy/l-diversity/...``, ``privacy/t-closeness/...`` and
        ``privacy/direct-identifiers/...``, the measures, the smallest classes, suggestions.

    Raises
    ------
    UnknownColumn
        If a column is not there.
    InputError
        If a limit or a column cannot be used in this way.
    UnreadableData
        If a file cannot be read.

    Notes
    -----
    A missing quasi-identifier is a value of its own: such rows are a class by themselves. A missing sensitive value is
    no value: it neither adds diversity nor takes part in a distance. All numbers are counts of this table and no
    estimates. They say nothing about somebody who knows more columns than were named, or who has another release of the
    same people.

    References
    ----------
    .. [1] L. Sweeney (2002), "k-anonymity: a model for protecting privacy", IJUFKS 10(5).
    .. [2] A. Machanavajjhala, D. Kifer, J. Gehrke, M. Venkitasubramaniam (2007), "l-diversity: privacy beyond
       k-anonymity", ACM TKDD 1(1).
    .. [3] N. Li, T. Li, S. Venkatasubramanian (2007), "t-closeness: privacy beyond k-anonymity and l-diversity", ICDE.

    Examples
    --------
    >>> people = {"zip": ["130", "130", "148", "148"], "ill": ["flu", "ulcer", "flu", "flu"]}
    >>> check = check_release(people, quasi="zip", sensitive="ill", k=2, t=None)
    >>> check.k, check.sensitive[0].distinct, check.verdict.value
    (2, 1, 'fail')
    >>> print(check.findings[0].why)
    In the least diverse class of zip, 1 value of ill occurs; 2 are asked for: 2 of 4 rows are in classes where all ...
    """
    by = (quasi,) if isinstance(quasi, str) else tuple(quasi)
    private = (sensitive,) if isinstance(sensitive, str) else tuple(sensitive)
    limits = Limits(k=k, l=l, t=t, c=c, diversity=diversity)
    _usable(by, private)
    _possible(limits, most_suppressed)
    table = table_of(data, missing=missing, encoding=encoding)
    missing = texts_of(table, missing)
    classes = classes_of(table, by, private, missing=missing)
    trees = _trees(classes, taxonomies or {})
    ordered = frozenset(
        h.axis.name for h in classes.held if h.axis.kind in ("number", "date") and h.axis.name not in trees
    )
    goal = Goal(k=k, diversity=l, closeness=t, form=diversity, c=c, taxonomies=trees, ordered=ordered)
    found = tuple(_sensitive(held, classes, goal, limits) for held in classes.held)
    judge = Judge(
        classes=classes,
        limits=limits,
        evidence=tuple(Evidence(kind="file", digest=digest) for digest in table.files.values()),
    )
    findings = [judge.k_anonymity()]
    for one in found:
        findings += [*judge.diversity(one), *judge.closeness(one)]
    personal, others = _others(table, (*by, *private), ignore, missing)
    if personal and classes.rows:
        findings.append(judge.direct(personal))
    plans: tuple[Suggestion, ...] = ()
    if suggest and classes.rows:
        plans = suggestions(classes, goal, most_suppressed=most_suppressed, hierarchies=hierarchies, progress=progress)
    withheld_below = 0 if reveal else suppress_below
    sizes, often = np.unique(classes.n, return_counts=True)
    return ReleaseCheck(
        verdict=overall(findings),
        findings=tuple(sorted(findings, key=lambda f: -f.status.severity)),
        quasi=by,
        sensitive=found,
        rows=classes.rows,
        classes=len(classes.n),
        k=int(classes.n.min()) if len(classes.n) else None,
        uniques=int((classes.n == 1).sum()),
        at_risk=int(classes.n[classes.n < k].sum()),
        highest_risk=1 / int(classes.n.min()) if len(classes.n) else None,
        mean_risk=len(classes.n) / classes.rows if classes.rows else None,
        sizes=tuple(zip(sizes[:_SHOWN].tolist(), often[:_SHOWN].tolist(), strict=True)),
        smallest=_smallest(classes, withheld_below),
        suggestions=plans,
        notes=(*_notes(classes, found, others, withheld_below, none=suggest and not plans), *_index(data)),
        source=table.source,
        version=__version__,
    )


def _usable(by: tuple[str, ...], private: tuple[str, ...]) -> None:
    if not by:
        raise InputError("no quasi-identifier is named; name the columns that others may know, such as ['age', 'zip'].")
    for names, what in ((by, "quasi-identifiers"), (private, "sensitive columns")):
        for name in names:
            if names.count(name) > 1:
                raise InputError(f"{name!r} is named twice among the {what}.")
    for name in private:
        if name in by:
            raise InputError(f"{name!r} is named as a quasi-identifier and as sensitive; a column is one or the other.")


def _possible(limits: Limits, most_suppressed: float) -> None:
    for name, value in (("k", limits.k), ("l", limits.l)):
        if value is not None and (isinstance(value, bool) or value != int(value) or value < 1):
            raise InputError(f"{name} is {value!r}, expected a whole number from 1.")
    if limits.t is not None and not 0 <= limits.t <= 1:
        raise InputError(f"t is {limits.t!r}, expected a number from 0 to 1.")
    if not limits.c > 0:
        raise InputError(f"c is {limits.c!r}, expected a number above 0.")
    if not 0 <= most_suppressed <= 1:
        raise InputError(f"the largest share of rows to take out is {most_suppressed!r}, expected 0 to 1.")
    if limits.diversity not in get_args(Diversity):
        near = did_you_mean(str(limits.diversity), get_args(Diversity))
        raise InputError(f"diversity is {limits.diversity!r}, expected 'distinct', 'entropy' or 'recursive'.{near}")


def _trees(classes: Classes, given: Mapping[str, Mapping[str, Sequence[str]]]) -> dict[str, Taxonomy]:
    names = [h.axis.name for h in classes.held]
    for column in given:
        if column not in names:
            raise InputError(
                f"there is a taxonomy for {column!r}, which is no sensitive column.{did_you_mean(column, names)}"
            )
    return {
        h.axis.name: tree_of(h.axis.name, h.axis.levels, given[h.axis.name])
        for h in classes.held
        if h.axis.name in given
    }


# -- measures ---------------------------------------------------------------------------------------------------------


def _sensitive(held: Held, classes: Classes, goal: Goal, limits: Limits) -> Sensitive:
    known, count = known_only(held), len(classes.n)
    distinct = distinct_values(known, count)
    there = distinct > 0
    name = held.axis.name
    kind = "hierarchical" if name in goal.taxonomies else "ordered" if name in goal.ordered else "equal"
    return Sensitive(
        column=name,
        values=len(held.axis.levels) - (held.axis.missing >= 0),
        missing=classes.rows - int(known.n.sum()),
        distinct=int(distinct[there].min()) if there.any() else None,
        effective=_least(effective_values(known, count)),
        recursive=_most(recursive_ratio(known, count, limits.l or 2)),
        closeness=_most(goal.distance(known, count)),
        distance=kind if there.any() else None,
        rows_alike=int(classes.n[distinct == 1].sum()),
    )


def _least(values: Floats) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.min()) if len(known) else None


def _most(values: Floats) -> float | None:
    known = values[~np.isnan(values)]
    most = float(known.max()) if len(known) else math.inf
    return most if math.isfinite(most) else None


def _smallest(classes: Classes, withheld_below: int) -> tuple[SmallClass, ...]:
    count = min(_SHOWN, len(classes.n))
    first = np.argpartition(classes.n, count - 1)[:count] if count else np.array([], dtype=np.int64)
    order = first[np.argsort(classes.n[first], kind="stable")]
    return tuple(
        SmallClass(n=int(classes.n[i]), key=classes.key(int(i)) if classes.n[i] >= withheld_below else None)
        for i in order.tolist()
    )


def _others(
    table: Table, named: Sequence[str], ignore: Collection[str], missing: Sequence[str]
) -> tuple[tuple[PersonalColumn, ...], tuple[str, ...]]:
    """Return the columns beside those that were named that look as if they identify, and the rest of them."""
    for column in ignore:
        if column not in table.columns:
            raise UnknownColumn(f"{column!r} is to be ignored, and is not there.{did_you_mean(column, table.columns)}")
    others = tuple(c for c in table.columns if c not in named and c not in ignore)
    if not others:
        return (), ()
    personal = sample_of(table, missing=missing, columns=[*named, *ignore]).judge()
    return personal, tuple(c for c in others if c not in {one.column for one in personal})


def _notes(
    classes: Classes, found: Sequence[Sensitive], others: tuple[str, ...], withheld_below: int, *, none: bool
) -> tuple[str, ...]:
    notes = ["Classes are counted exactly; nothing is estimated, so there are no intervals."]
    for i, axis in enumerate(classes.axes):
        if axis.missing >= 0:
            rows = int(classes.size_of(i)[axis.missing])
            notes.append(f"{many(rows, 'row')} without a value of {axis.name}: missing counts as a value of its own.")
    notes += [
        f"{many(one.missing, 'row')} without a value of {one.column}: missing counts as no value."
        for one in found
        if one.missing
    ]
    if not found:
        notes.append("No sensitive column is named, so l-diversity and t-closeness are not measured.")
    if others:
        some = ", ".join(others[:10]) + (f" and {len(others) - 10} more" if len(others) > 10 else "")
        notes.append(f"Not part of any class: {some}. If others may know them, they are quasi-identifiers too.")
    if len(classes.n) and classes.n.min() < withheld_below:
        notes.append(f"What the rows of classes with fewer than {withheld_below:,} rows share is withheld.")
    if none:
        notes.append("No plan reaches what is asked for: even all rows as one class do not.")
    return tuple(notes)


def _index(data: Any) -> tuple[str, ...]:
    """Say that the index of a pandas frame was not looked at, if it is more than a numbering."""
    index = getattr(data, "index", None)
    if type(data).__module__.partition(".")[0] != "pandas" or index is None:
        return ()
    plain = index.nlevels == 1 and index.name is None and index.dtype.kind in "iu"
    return () if plain else ("The index of the frame was not looked at; it must not be released with it.",)
