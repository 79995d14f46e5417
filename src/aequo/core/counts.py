"""`Counts`: everything a fairness metric needs, as one small table of weighted counts that adds up.

Rows are read once, into `Counts`; metrics, intervals, drift, thresholds and reweighing are arithmetic on it. Two tables
of shards, days or workers add with ``+``; the difference of two is a comparison. It holds counts and sums, no rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from aequo.core.levels import Level, shown, sort_levels
from aequo.errors import InputError, UnknownColumn, did_you_mean

__all__ = ["SCORE_BINS", "Counts", "Dim", "Floats", "Groups", "Ints", "Role"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Role = Literal["group", "control", "label", "prediction", "bin"]

SCORE_BINS = 1000
"""Scores in [0, 1] are counted in this many equal bins."""

FORMAT = 1
_ROLES: tuple[Role, ...] = ("group", "control", "label", "prediction", "bin")


@dataclass(frozen=True, slots=True)
class Dim:
    """One axis of the table: a column, its role and the values that occur.

    Attributes
    ----------
    name : str
        Column name.
    role : {"group", "control", "label", "prediction", "bin"}
        What the column is used for. ``bin`` is the score's bin, with levels ``"0"`` to ``"999"``.
    levels : tuple of (str or None)
        Canonical values, sorted; None is "missing".
    """

    name: str
    role: Role
    levels: tuple[Level, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Which group each row (or cell) belongs to.

    Attributes
    ----------
    columns : tuple of str
        The columns that are crossed.
    names : tuple of tuple of (str or None)
        One value per column for each group that occurs, sorted.
    codes : int array
        Index into `names` for each row or cell.
    n : int array
        Rows in each group.
    """

    columns: tuple[str, ...]
    names: tuple[tuple[Level, ...], ...]
    codes: Ints
    n: Ints

    def __len__(self) -> int:
        return len(self.names)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names for people: ``"black · female"``."""
        return tuple(" · ".join(shown(v) for v in name) for name in self.names)

    @property
    def subject(self) -> str:
        """Name of the crossing for people: ``"race × sex"``."""
        return " × ".join(self.columns)

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Whether a value of the group's name is missing, so that it is no group of people."""
        return np.array([any(v is None for v in name) for name in self.names], dtype=bool)


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Weighted counts (and sums) of rows for each combination of group, control, label, prediction and score bin.

    Attributes
    ----------
    dims : tuple of Dim
        The axes: groups, controls, label, prediction, bin, in this order; those not given are absent.
    codes : int array, shape (cells, dims)
        Index into each axis' levels. Only cells that occur are stored, sorted; no two are equal.
    n : int array, shape (cells,)
        Rows in the cell.
    w, w2 : float array, shape (cells,), or None
        Sum of weights and of squared weights; None where rows are not weighted (both are then `n`).
    sums : mapping of str to float array
        Weighted sums per cell. With a score: ``score``. For regression: ``y``, ``yy`` (label and its square), ``p``,
        ``pp``, ``r`` (residual, prediction less label), ``rr``, ``abs`` (absolute residual), and the weighted rows that
        have a label (``y_n``), a prediction (``p_n``) and both (``scored``). A missing value adds nothing.

    Notes
    -----
    Subtracting gives signed counts, for comparisons only.
    """

    dims: tuple[Dim, ...]
    codes: Ints
    n: Ints
    w: Floats | None = None
    w2: Floats | None = None
    sums: Mapping[str, Floats] = field(default_factory=dict)

    # -- reading ------------------------------------------------------------------------------------------------------

    @property
    def rows(self) -> int:
        """Number of rows counted."""
        return int(self.n.sum())

    @property
    def weights(self) -> Floats:
        """Sum of weights per cell; the counts where rows are not weighted."""
        return self.n.astype(np.float64) if self.w is None else self.w

    @property
    def squares(self) -> Floats:
        """Sum of squared weights per cell."""
        return self.n.astype(np.float64) if self.w2 is None else self.w2

    def names(self, role: Role) -> tuple[str, ...]:
        """Return the columns that have this role."""
        return tuple(d.name for d in self.dims if d.role == role)

    def axis(self, name: str) -> int:
        """Return the position of a column, or raise `UnknownColumn` with the columns there are."""
        for i, dim in enumerate(self.dims):
            if dim.name == name:
                return i
        known = [d.name for d in self.dims]
        raise UnknownColumn(
            f"no column {name!r} in these counts. Columns: {', '.join(known)}.{did_you_mean(name, known)}"
        )

    def role(self, role: Role) -> Dim | None:
        """Return the first axis with this role, or None."""
        return next((d for d in self.dims if d.role == role), None)

    @property
    def thresholded(self) -> bool:
        """Whether the prediction is ``score >= threshold``, so that its favourable value is True."""
        prediction, score = self.role("prediction"), self.role("bin")
        return prediction is not None and score is not None and prediction.name.startswith(f"{score.name} >= ")

    def groups(self, by: Sequence[str] | str | None = None) -> Groups:
        """Return the group of each cell, for one group column or several crossed.

        Parameters
        ----------
        by : str or sequence of str, optional
            Columns to cross; all group columns by default. With no column there is one group.
        """
        columns = self.names("group") if by is None else (by,) if isinstance(by, str) else tuple(by)
        axes = [self.axis(c) for c in columns]
        flat = np.zeros(len(self.n), dtype=np.int64)
        for a in axes:
            flat = flat * len(self.dims[a].levels) + self.codes[:, a]
        present, codes = np.unique(flat, return_inverse=True)
        names = []
        for group in present.tolist():
            name: list[Level] = []
            rest = group
            for a in reversed(axes):
                rest, k = divmod(rest, len(self.dims[a].levels))
                name.append(self.dims[a].levels[k])
            names.append(tuple(reversed(name)))
        sizes = np.zeros(len(present), dtype=np.int64)
        np.add.at(sizes, codes, self.n)
        return Groups(tuple(columns), tuple(names), codes.astype(np.int64).reshape(-1), sizes)

    def select(self, name: str, value: Level) -> Counts:
        """Return the counts of the rows with this value in this column; the column goes."""
        a = self.axis(name)
        if value not in self.dims[a].levels:
            return self._take(np.zeros(len(self.n), dtype=bool), drop=a)
        return self._take(self.codes[:, a] == self.dims[a].levels.index(value), drop=a)

    def _take(self, keep: NDArray[np.bool_], *, drop: int) -> Counts:
        return Counts(
            dims=self.dims[:drop] + self.dims[drop + 1 :],
            codes=np.delete(self.codes[keep], drop, axis=1),
            n=self.n[keep],
            w=None if self.w is None else self.w[keep],
            w2=None if self.w2 is None else self.w2[keep],
            sums={k: v[keep] for k, v in self.sums.items()},
        )

    def marginal(self, *keep: str) -> Counts:
        """Return the counts summed over every column that is not named."""
        axes = sorted(self.axis(k) for k in keep)
        return Counts.collect(
            tuple(self.dims[a] for a in axes), self.codes[:, axes], self.n, self.w, self.w2, self.sums
        )

    # -- making -------------------------------------------------------------------------------------------------------

    @classmethod
    def collect(
        cls,
        dims: tuple[Dim, ...],
        codes: Ints,
        n: Ints,
        w: Floats | None = None,
        w2: Floats | None = None,
        sums: Mapping[str, Floats] | None = None,
    ) -> Counts:
        """Merge equal cells, drop levels that no row has, and put levels and cells into canonical order."""
        sums = sums or {}
        columns: list[Ints] = []
        tidy: list[Dim] = []
        for a, dim in enumerate(dims):
            used = np.unique(codes[:, a]).tolist()
            order = sort_levels({dim.levels[u] for u in used})
            where = {v: i for i, v in enumerate(order)}
            lookup = np.zeros(max(len(dim.levels), 1), dtype=np.int64)
            for u in used:
                lookup[u] = where[dim.levels[u]]
            columns.append(lookup[codes[:, a]])
            tidy.append(Dim(dim.name, dim.role, tuple(order)))
        flat = np.zeros(len(n), dtype=np.int64)
        cells = 1
        for column, dim in zip(columns, tidy, strict=True):
            cells *= max(len(dim.levels), 1)
            if cells > 2**62:
                raise InputError("too many combinations of groups and values to count; use fewer group columns.")
            flat = flat * max(len(dim.levels), 1) + column
        present, first, inverse = np.unique(flat, return_index=True, return_inverse=True)
        inverse = inverse.reshape(-1)
        table = np.stack(columns, axis=1) if columns else np.zeros((len(n), 0), dtype=np.int64)
        total = np.zeros(len(present), dtype=np.int64)
        np.add.at(total, inverse, n)

        def total_of(values: Floats) -> Floats:
            return np.bincount(inverse, values, minlength=len(present)).astype(np.float64, copy=False)

        def add(values: Floats | None) -> Floats | None:
            return None if values is None else total_of(values)

        return cls(
            dims=tuple(tidy),
            codes=table[first],
            n=total,
            w=add(w),
            w2=add(w2),
            sums={k: total_of(v) for k, v in sums.items()},
        )

    def __add__(self, other: Counts) -> Counts:
        return self._with(other, 1)

    def __sub__(self, other: Counts) -> Counts:
        return self._with(other, -1)

    def _with(self, other: Counts, sign: int) -> Counts:
        if not isinstance(other, Counts):
            return NotImplemented
        mine, theirs = [[(d.name, d.role) for d in c.dims] for c in (self, other)]
        if mine != theirs:
            raise InputError(f"cannot combine counts of different columns: {mine} and {theirs}.")
        if set(self.sums) != set(other.sums) and self.rows and other.rows:
            raise InputError("cannot combine counts that hold different sums; count both with the same arguments.")
        dims = []
        parts = [self.codes.copy(), other.codes.copy()]
        for a, (x, y) in enumerate(zip(self.dims, other.dims, strict=True)):
            levels = tuple(dict.fromkeys(x.levels + y.levels))
            where = {v: i for i, v in enumerate(levels)}
            for part, dim in zip(parts, (x, y), strict=True):
                part[:, a] = np.array([where[v] for v in dim.levels], dtype=np.int64)[part[:, a]] if dim.levels else 0
            dims.append(Dim(x.name, x.role, levels))
        weighted = self.w is not None or other.w is not None
        names = set(self.sums) | set(other.sums)
        zeros = [np.zeros(len(c.n)) for c in (self, other)]
        total = Counts.collect(
            tuple(dims),
            np.concatenate(parts),
            np.concatenate([self.n, sign * other.n]),
            np.concatenate([self.weights, sign * other.weights]) if weighted else None,
            np.concatenate([self.squares, sign * other.squares]) if weighted else None,
            {
                k: np.concatenate([self.sums.get(k, zeros[0]), sign * other.sums.get(k, zeros[1])])
                for k in sorted(names)
            },
        )
        return total._without_zeros(max(np.abs(self.weights).max(initial=0.0), np.abs(other.weights).max(initial=0.0)))

    def _without_zeros(self, scale: float) -> Counts:
        keep = self.n != 0
        if self.w is not None:
            keep |= np.abs(self.w) > 1e-9 * scale  # what is left of weights that cancel is rounding
        if keep.all():
            return self
        return Counts.collect(
            self.dims,
            self.codes[keep],
            self.n[keep],
            None if self.w is None else self.w[keep],
            None if self.w2 is None else self.w2[keep],
            {k: v[keep] for k, v in self.sums.items()},
        )

    # -- comparing and storing ----------------------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        """Equal axes and counts; sums and weights agree to rounding, since engines add in different orders."""
        if not isinstance(other, Counts):
            return NotImplemented
        return (
            self.dims == other.dims
            and np.array_equal(self.codes, other.codes)
            and np.array_equal(self.n, other.n)
            and np.allclose(self.weights, other.weights, rtol=1e-9, atol=1e-9)
            and np.allclose(self.squares, other.squares, rtol=1e-9, atol=1e-9)
            and self.sums.keys() == other.sums.keys()
            and all(np.allclose(v, other.sums[k], rtol=1e-9, atol=1e-7) for k, v in self.sums.items())
        )

    __hash__ = None  # type: ignore[assignment]  # arrays inside

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, with a format version."""
        return {
            "format": FORMAT,
            "dims": [{"name": d.name, "role": d.role, "levels": list(d.levels)} for d in self.dims],
            "codes": self.codes.tolist(),
            "n": self.n.tolist(),
            "w": None if self.w is None else self.w.tolist(),
            "w2": None if self.w2 is None else self.w2.tolist(),
            "sums": {k: v.tolist() for k, v in sorted(self.sums.items())},
        }

    def to_json(self) -> bytes:
        """Return compact JSON; `from_json` reads it back."""
        return msgspec.json.encode(self.to_dict())

    @classmethod
    def from_json(cls, text: bytes | str) -> Counts:
        """Read what `to_json` wrote.

        Raises
        ------
        InputError
            If the text is not such a table, or of a newer format.
        """
        try:
            raw = msgspec.json.decode(text, type=_Stored)
        except msgspec.DecodeError as error:
            raise InputError(f"this is not a table of counts: {error}.") from error
        if raw.format != FORMAT:
            raise InputError(f"counts have format {raw.format}, this version reads format {FORMAT}: upgrade aequo.")
        return raw.counts()

    def digest(self) -> str:
        """Return ``sha256:...`` of the counts of rows (not of weights and sums: their last digits vary by engine)."""
        plain = {**self.to_dict(), "w": None, "w2": None, "sums": {}}
        return "sha256:" + hashlib.sha256(msgspec.json.encode(plain)).hexdigest()


class _StoredDim(msgspec.Struct):
    name: str
    role: Role
    levels: list[str | None]


class _Stored(msgspec.Struct):
    format: int
    dims: list[_StoredDim]
    codes: list[list[int]]
    n: list[int]
    w: list[float] | None
    w2: list[float] | None
    sums: dict[str, list[float]]

    def counts(self) -> Counts:
        width = len(self.dims)
        lengths = {len(self.n), len(self.codes), *(len(v) for v in self.sums.values())}
        lengths |= {len(v) for v in (self.w, self.w2) if v is not None}
        if len(lengths) > 1 or any(len(row) != width for row in self.codes):
            raise InputError("this is not a table of counts: its columns differ in length.")
        if (self.w is None) != (self.w2 is None):
            raise InputError("this is not a table of counts: it has weights without their squares, or the reverse.")
        axes = [(d.name, d.role == "bin") for d in self.dims]
        if len(set(axes)) < len(axes) or any(len(set(d.levels)) < len(d.levels) for d in self.dims):
            raise InputError("this is not a table of counts: a column or a value is listed twice.")
        try:
            codes = np.array(self.codes, dtype=np.int64).reshape(len(self.codes), width)
            n = np.array(self.n, dtype=np.int64)
        except OverflowError:
            raise InputError("this is not a table of counts: a number is too large.") from None
        if ((codes < 0) | (codes >= np.array([len(d.levels) for d in self.dims], dtype=np.int64))).any():
            raise InputError("this is not a table of counts: a cell names a value that is not listed.")
        return Counts.collect(
            tuple(Dim(d.name, d.role, tuple(d.levels)) for d in self.dims),
            codes,
            n,
            None if self.w is None else np.array(self.w, dtype=np.float64),
            None if self.w2 is None else np.array(self.w2, dtype=np.float64),
            {k: np.array(v, dtype=np.float64) for k, v in self.sums.items()},
        )
