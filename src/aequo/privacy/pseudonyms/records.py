"""Replace fields of records (dictionaries, also nested ones), one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aequo.errors import InputError
from aequo.privacy.pseudonyms.personal import Sample
from aequo.privacy.pseudonyms.replacing import Change, Counted

__all__ = ["Link", "Rewriter", "at_path", "batches"]

Link = tuple[Change, Any, Any]
"""A change, a pseudonym that it made, and the person of the record."""

_REMEMBERED = 65_536
_PLAIN = frozenset([str, int, float, bool, type(None)])


class Rewriter:
    """Replaces the fields of records, and counts what it replaced.

    A field is named by its key, or by the keys that lead to it with points between: ``user.email``. Lists are gone
    through; of a field that is itself a structure, every value in it is replaced.

    Parameters
    ----------
    change_of : callable
        From a path and its last key to what happens to that field; None: it stays.
    person : str, optional
        Path of the person, by whom dates move.
    sample : Sample, optional
        Is given the values that stay.
    links : callable, optional
        Is told of each pseudonym and its person.
    """

    def __init__(
        self,
        change_of: Callable[[str, str], Change | None],
        *,
        person: str | None = None,
        sample: Sample | None = None,
        links: Callable[[Link], None] | None = None,
    ) -> None:
        self._change_of, self._person = change_of, person
        self.sample, self._links = sample, links
        self._changes: dict[str, Change | None] = {}
        self._made: dict[str, dict[tuple[type, Any], tuple[Any, bool]]] = {}
        self._counts: dict[str, list[int]] = {}
        self.records = 0

    def record(self, record: Mapping[Any, Any]) -> dict[Any, Any]:
        """Return a record with its fields replaced; the one given stays as it is.

        Raises
        ------
        InputError
            If it is no dictionary.
        """
        if not isinstance(record, Mapping):
            raise InputError(f"record {self.records + 1:,} is a {type(record).__name__}, expected a dictionary.")
        who = at_path(record, self._person) if self._person is not None else None
        self.records += 1
        return {key: self._field(value, str(key), str(key), who) for key, value in record.items()}

    @property
    def paths(self) -> list[str]:
        """The paths of all fields there were so far."""
        return list(self._changes)

    @property
    def counted(self) -> dict[str, tuple[Change, Counted]]:
        """For each path that was replaced: the change, and how many values, missing and lost there were."""
        found = {}
        for path, (values, missing, lost) in self._counts.items():
            change = self._changes[path]
            if change is not None:
                found[path] = (change, Counted(values, missing, lost))
        return found

    def _field(self, value: Any, path: str, key: str, who: Any) -> Any:
        if path not in self._changes:
            self._changes[path] = self._change_of(path, key)
        change = self._changes[path]
        return self._kept(value, path, who) if change is None else self._replaced(value, path, change, who)

    def _kept(self, value: Any, path: str, who: Any) -> Any:
        if type(value) not in _PLAIN:
            if isinstance(value, Mapping):
                return {key: self._field(inner, f"{path}.{key}", str(key), who) for key, inner in value.items()}
            if isinstance(value, (list, tuple)):
                return [self._kept(inner, path, who) for inner in value]
        if self.sample is not None:
            self.sample.add(path, (value,))
        return value

    def _replaced(self, value: Any, path: str, change: Change, who: Any) -> Any:
        if type(value) not in _PLAIN:
            if isinstance(value, Mapping):
                return {key: self._replaced(inner, path, change, who) for key, inner in value.items()}
            if isinstance(value, (list, tuple)):
                return [self._replaced(inner, path, change, who) for inner in value]
        counts = self._counts.setdefault(path, [0, 0, 0])
        if change.mover is not None:
            absent = change.mover.missing(value)
            made = value if absent else change.mover.move(value, change.mover.days([who])[0])
            counts[2] += made is None and not absent
        else:
            made, absent = self._mapped(value, path, change)
            if self._links is not None and who is not None and not absent:
                self._links((change, made, who))
        counts[1 if absent else 0] += 1
        return made

    def _mapped(self, value: Any, path: str, change: Change) -> tuple[Any, bool]:
        """Return what replaces a value, and whether it is missing; each is worked out once."""
        known = self._made.setdefault(path, {})
        key = (type(value), value)
        try:
            return known[key]
        except KeyError:
            made = self._new(value, change)
            if len(known) >= _REMEMBERED:
                known.clear()
            known[key] = made
            return made
        except TypeError:  # bytearrays and other values that cannot be keys
            return self._new(value, change)

    @staticmethod
    def _new(value: Any, change: Change) -> tuple[Any, bool]:
        if change.mapper is None:
            return value, False
        return change.mapper.many([value])[0], change.mapper.missing(value)


def at_path(record: Mapping[Any, Any], path: str) -> Any:
    """Return the value at a path, or None.

    Examples
    --------
    >>> at_path({"user": {"id": 7}}, "user.id"), at_path({"user.id": 8}, "user.id"), at_path({}, "user.id")
    (7, 8, None)
    """
    if path in record:
        return record[path]
    value: Any = record
    for key in path.split("."):
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    return value


def batches(records: Iterable[Any], size: int) -> Iterable[list[Any]]:
    """Yield lists of `size` records, the last one shorter.

    Examples
    --------
    >>> list(batches("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    batch: list[Any] = []
    for record in records:
        batch.append(record)
        if len(batch) >= size:
            yield batch
            batch = []
    if batch:
        yield batch
