"""`Table`: named columns, wherever the rows are; it gives counts, never rows (but for a sample that is asked for)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from aequo.core.counts import Counts, Dim, Groups, Ints, Role
from aequo.core.engine import Cells, Duplicates, Engine, Kind, Plan, sentinels
from aequo.core.levels import level
from aequo.errors import InputError, UnknownColumn, did_you_mean

__all__ = ["MissingCounts", "Table", "Task"]

Task = Literal["auto", "binary", "multiclass", "regression"]

_MAX_CLASSES = 100
_FEW_VALUES = 20
_DUPLICATE_ROWS = 2_000_000


@dataclass(frozen=True, slots=True, eq=False)
class MissingCounts:
    """How many rows of each group have no value in each column.

    Attributes
    ----------
    groups : Groups
        The groups and their rows; ``codes`` is simply 0, 1, 2 ...
    columns : tuple of str
        The columns looked at.
    missing : int array, shape (groups, columns)
        Rows without a value.
    """

    groups: Groups
    columns: tuple[str, ...]
    missing: Ints


class Table:
    """Named columns of equal length, on whatever holds them.

    Make one with `Table.of`. Every question is one pass over the rows where they are: files through DuckDB, polars,
    DuckDB and Spark frames in their own engine, arrays and pandas columns in numpy. The same rows give the same
    `Counts` everywhere.

    Examples
    --------
    >>> table = Table.of({"sex": ["f", "m", "f", None], "approved": [1, 1, 0, 1]})
    >>> table.columns
    ('sex', 'approved')
    >>> counts = table.counts(group="sex", label="approved")
    >>> counts.rows, counts.dims[0].levels
    (4, ('f', 'm', None))
    """

    __slots__ = ("_engine", "_files", "_missing", "_source")

    def __init__(self, engine: Engine, *, source: str, missing: Sequence[str] = ("",), files: Sequence[Path] = ()):
        self._engine = engine
        self._source = source
        self._missing = tuple(missing)
        self._files: Mapping[str, str] | tuple[Path, ...] = tuple(files)

    @classmethod
    def of(cls, data: Any, *, missing: Sequence[str] = ("",), encoding: str = "utf-8") -> Table:
        """Return a table of a file, files, a frame or columns.

        Parameters
        ----------
        data : path, frame or mapping
            A path or glob, or several, of CSV (also .gz, .zst, .tsv), Parquet or JSON lines files; a pandas, polars
            (eager or lazy), pyarrow, DuckDB or PySpark frame; or a mapping of column names to sequences. A table passes
            through.
        missing : sequence of str
            Texts (or numbers, as text) that mean "missing", beside null and NaN.
        encoding : str
            Encoding of CSV files: ``"utf-8"``, ``"latin-1"`` or ``"utf-16"``.

        Raises
        ------
        UnreadableData
            If a file is absent, empty or not what its name says.
        InputError
            If the data is of a kind that holds no named columns.

        Notes
        -----
        In a CSV the delimiter is taken from the header, and a column is numeric if every row of every file is: one
        ``01`` or ``n/a`` (unless it means "missing") makes it text, and then ``1`` and ``1.0`` are two groups. A column
        of nothing but true and false is boolean; ``yes``, ``no`` and dates stay the text they are. Files of a glob are
        matched by the names of their columns.
        """
        from aequo.core.read import engine_of

        if isinstance(data, Table):
            return data
        engine, source, files = engine_of(data, missing=tuple(missing), encoding=encoding)
        return cls(engine, source=source, missing=missing, files=files)

    def __repr__(self) -> str:
        return f"<Table of {self._source}: {len(self.columns)} columns>"

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return self._engine.columns

    @property
    def source(self) -> str:
        """Where the rows are: the file's name (no folder), or the kind of frame."""
        return self._source

    @property
    def files(self) -> Mapping[str, str]:
        """File name to ``sha256:...`` of its bytes, for each file; read on first use."""
        if isinstance(self._files, tuple):
            from aequo.core.read import digests

            self._files = digests(self._files)
        return self._files

    def kind(self, column: str) -> Kind:
        """Return what a column holds: ``number``, ``text``, ``boolean``, ``date``, ``empty`` or ``other``."""
        self._check(column)
        return self._engine.kind(column)

    # -- counting -----------------------------------------------------------------------------------------------------

    def counts(
        self,
        *,
        group: Sequence[str] | str = (),
        control: Sequence[str] | str = (),
        label: str | None = None,
        prediction: str | None = None,
        score: str | None = None,
        threshold: float | None = None,
        weight: str | None = None,
        task: Task = "auto",
        max_groups: int = 1000,
    ) -> Counts:
        """Count the rows of each combination of group, control, label, prediction and score bin, in one pass.

        Parameters
        ----------
        group, control : str or sequence of str
            Columns that name groups, and columns to compare within.
        label, prediction : str, optional
            Columns of the true outcome and of the decision. Numbers are summed instead of counted in a regression.
        score : str, optional
            Column of scores in [0, 1], higher is more favourable. Adds the axis `score` with role ``bin`` and the sum
            ``score``. Without a prediction, ``score >= threshold`` is the prediction: an axis named
            ``"score >= 0.5"`` with levels ``False`` and ``True``. A missing score is missing in both.
        threshold : float, optional
            0.5 by default.
        weight : str, optional
            Column of weights, not negative.
        task : {"auto", "binary", "multiclass", "regression"}
            With "auto" an outcome is a regression's if it is numeric with values that are not whole, or with more than
            20 distinct values; never with a score.
        max_groups : int
            A group or control column with more distinct values is refused.

        Raises
        ------
        UnknownColumn
            If a column is not there.
        InputError
            If a column cannot be used in this way; the message says why.
        """
        groups, controls = _listed(group), _listed(control)
        outcomes = [c for c in (label, prediction) if c is not None]
        self._check(*groups, *controls, *outcomes, *(c for c in (score, weight) if c is not None))
        _one_role_each(groups, controls, label, prediction, score)
        for column in (*groups, *controls):
            if self._engine.kind(column) == "other":
                raise InputError(f"group column {column!r} holds neither text, numbers, booleans nor dates.")
        full = self._engine.overfull((*groups, *controls), max_groups)
        if full is not None:
            raise InputError(_too_many(full, f"more than {max_groups:,}", max_groups))
        numeric = task == "regression" or (
            task == "auto" and score is None and self._is_regression(label or prediction)
        )
        for column in (*([] if not numeric else outcomes), *(c for c in (score, weight) if c is not None)):
            self._check_number(column, outcome=column in outcomes, asked=task == "regression")
        if numeric and score is not None:
            raise InputError("a score is for outcomes with classes; in a regression give the prediction.")
        cut = None if score is None or prediction is not None else 0.5 if threshold is None else float(threshold)
        cells = self._engine.cells(
            Plan(
                keys=(*groups, *controls, *([] if numeric else outcomes)),
                score=score,
                threshold=cut,
                weight=weight,
                label=label if numeric else None,
                prediction=prediction if numeric else None,
                missing=sentinels(self._missing),
            )
        )
        _check_seen(cells, score=score, weight=weight, label=label, prediction=prediction)
        axes: list[tuple[str, Role]] = [(c, "group") for c in groups] + [(c, "control") for c in controls]
        if not numeric:
            axes += [(label, "label")] if label is not None else []
            axes += [(prediction, "prediction")] if prediction is not None else []
        for (name, role), key in zip(axes, cells.keys, strict=False):
            self._check_size(name, role, len(key.values), max_groups)
        if cut is not None:
            axes.append((f"{score} >= {cut:g}", "prediction"))
        if score is not None:
            axes.append((score, "bin"))
        return self._collect(axes, cells)

    def missing(self, group: Sequence[str] | str = (), columns: Sequence[str] | None = None) -> MissingCounts:
        """Count, for each group and column, the rows without a value, in one pass.

        Parameters
        ----------
        group : str or sequence of str
            Columns that name the groups, crossed.
        columns : sequence of str, optional
            Columns to look at; all by default.

        Examples
        --------
        >>> table = Table.of({"sex": ["f", "m", "f"], "income": [1.5, float("nan"), None]})
        >>> counted = table.missing("sex", ["income"])
        >>> counted.groups.labels, counted.missing.tolist()
        (('f', 'm'), [[1], [1]])
        """
        by = _listed(group)
        looked_at = self.columns if columns is None else tuple(columns)
        self._check(*by, *looked_at)
        cells = self._engine.missing(by, looked_at, self._missing)
        counts = self._collect([(c, "group") for c in by], cells)
        groups = counts.groups(by)
        absent = np.array([counts.sums[c] for c in looked_at]).reshape(len(looked_at), len(groups))
        return MissingCounts(groups, looked_at, absent.T.round().astype(np.int64))

    def sample(self, rows: int, *, seed: int | None, columns: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
        """Return randomly chosen rows, in memory: numbers as float64 (NaN where missing), all else as canonical text.

        Parameters
        ----------
        rows : int
            How many at most.
        seed : int or None
            The same seed gives the same rows on the same data and engine. None takes the first rows, in their order
            (of a Spark frame, which has none, any).
        columns : sequence of str, optional
            Columns to return; all that hold numbers, text, booleans or dates by default.

        Returns
        -------
        dict of str to array
            float64 arrays for numbers and booleans, object arrays of ``str`` or None for text and dates.
        """
        chosen = columns if columns is not None else [c for c in self.columns if self._engine.kind(c) != "other"]
        self._check(*chosen)
        taken = self._engine.sample(tuple(chosen), rows, seed)
        marks = set(sentinels(self._missing))
        out: dict[str, NDArray[Any]] = {}
        for column in chosen:
            if self._engine.kind(column) in ("number", "boolean", "empty"):
                values = [math.nan if v is None or v != v or v in marks else float(v) for v in taken[column]]
                out[column] = np.array(values, dtype=np.float64)
            else:
                out[column] = np.empty(len(taken[column]), dtype=object)
                out[column][:] = [level(v, missing=self._missing) for v in taken[column]]
        return out

    def duplicate_counts(self, group: Sequence[str] | str, columns: Sequence[str] | None = None) -> Duplicates:
        """Count the rows that equal a row of another group in every compared column.

        Parameters
        ----------
        group : str or sequence of str
            Columns that name the groups, crossed; rows whose group is missing are left out.
        columns : sequence of str, optional
            Columns to compare; all others by default.

        Notes
        -----
        Where the rows are not in memory (files, DuckDB, Spark, polars), at most some two million rows are looked at:
        those whose hash over the compared columns falls into one of m parts, so that equal rows stay together.

        Examples
        --------
        >>> table = Table.of({"sex": ["f", "m", "f"], "age": [30, 30, 40]})
        >>> table.duplicate_counts("sex")
        Duplicates(straddling=2, rows=3, one_in=1, sets=1, repeated=2)
        """
        by = _listed(group)
        compared = tuple(c for c in self.columns if c not in by) if columns is None else tuple(columns)
        self._check(*by, *compared)
        compared = tuple(c for c in compared if self._engine.kind(c) != "other")
        if not by or not compared:
            raise InputError("duplicates across groups need a group column and at least one other column to compare.")
        return self._engine.duplicates(by, compared, _DUPLICATE_ROWS, self._missing)

    # -- checks -------------------------------------------------------------------------------------------------------

    def _check(self, *columns: str) -> None:
        known = self._engine.columns
        for column in columns:
            if column not in known:
                some = ", ".join(known[:20]) + (f" and {len(known) - 20} more" if len(known) > 20 else "")
                raise UnknownColumn(
                    f"no column {column!r} in {self._source}. Columns: {some}.{did_you_mean(str(column), known)}"
                )

    def _check_number(self, column: str, *, outcome: bool, asked: bool) -> None:
        kind = self._engine.kind(column)
        if kind in ("number", "empty") or (outcome and kind == "boolean"):
            return
        said = "are needed for task='regression'" if outcome and asked else "are needed here"
        raise InputError(f"column {column!r} holds {_PLURAL[kind]}; numbers {said}.")

    def _check_size(self, column: str, role: Role, distinct: int, max_groups: int) -> None:
        if role in ("group", "control"):
            if distinct > max_groups + 1:  # one may be "missing"
                raise InputError(_too_many(column, f"{distinct:,}", max_groups))
        elif distinct > _MAX_CLASSES + 1:
            hint = "Use a column with few classes."
            if self._engine.kind(column) == "number":
                hint = "For a numeric outcome use task='regression'"
                hint += "; if these are scores, give the column as score=." if role == "prediction" else "."
            raise InputError(f"{role} column {column!r} has {distinct:,} distinct values, too many for classes. {hint}")

    def _is_regression(self, column: str | None) -> bool:
        if column is None or self._engine.kind(column) != "number":
            return False
        profile = self._engine.profile(column, sentinels(self._missing))
        return not profile.whole or profile.distinct > _FEW_VALUES

    def _collect(self, axes: Sequence[tuple[str, Role]], cells: Cells) -> Counts:
        dims, columns = [], []
        for (name, role), key in zip(axes, cells.keys, strict=True):
            texts = [level(v, missing=() if role == "bin" else self._missing) for v in key.values]
            levels = tuple(dict.fromkeys(texts))
            where = {v: i for i, v in enumerate(levels)}
            dims.append(Dim(name, role, levels))
            lookup = np.array([where[t] for t in texts], dtype=np.int64)
            columns.append(lookup[key.codes] if texts else key.codes)
        codes = np.stack(columns, axis=1) if columns else np.zeros((len(cells.n), 0), dtype=np.int64)
        return Counts.collect(tuple(dims), codes, cells.n, cells.w, cells.w2, cells.sums)


_PLURAL = {
    "text": "text",
    "boolean": "booleans",
    "date": "dates",
    "empty": "nothing",
    "other": "values that are not numbers",
}


def _listed(names: Sequence[str] | str) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _one_role_each(
    groups: tuple[str, ...], controls: tuple[str, ...], label: str | None, prediction: str | None, score: str | None
) -> None:
    roles = [(c, "group") for c in groups] + [(c, "control") for c in controls]
    roles += [(c, r) for c, r in ((label, "label"), (prediction, "prediction"), (score, "score")) if c is not None]
    first: dict[str, str] = {}
    for column, role in roles:
        if column in first:
            both = f"{first[column]} and {role}" if first[column] != role else f"{role} twice"
            raise InputError(f"column {column!r} is given as {both}; a column can have one role.")
        first[column] = role


def _too_many(column: str, seen: str, limit: int) -> str:
    return (
        f"group column {column!r} has {seen} distinct values (at most {limit:,} are allowed): it looks like an "
        "identifier or a number. Group it into fewer values, or raise max_groups in the policy."
    )


def _check_seen(
    cells: Cells, *, score: str | None, weight: str | None, label: str | None, prediction: str | None
) -> None:
    seen = cells.seen
    if score is not None and (seen["score_low"] < 0 or seen["score_high"] > 1):
        low, high = seen["score_low"], seen["score_high"]
        hint = "rescale them"
        if low >= 0 and 1 < high <= 100:
            hint = f"divide by {10 if high <= 10 else 100}, and take that from 1 if high is unfavourable"
        raise InputError(
            f"scores in {score!r} run from {low:g} to {high:g}; expected 0 to 1, higher is more favourable: {hint}."
        )
    if weight is not None:
        if seen["weight_missing"]:
            raise InputError(f"weight column {weight!r} has no value in {int(seen['weight_missing']):,} rows.")
        if seen["weight_low"] < 0:
            raise InputError(f"weight column {weight!r} has negative values; weights must be 0 or more.")
        if seen["weight_high"] == 0:
            raise InputError(f"every weight in {weight!r} is 0: nothing would be counted.")
    for what, column in (("weight", weight), ("label", label), ("prediction", prediction)):
        if math.isinf(seen.get(f"{what}_low", 0.0)) or math.isinf(seen.get(f"{what}_high", 0.0)):
            raise InputError(f"column {column!r} holds infinite values.")
