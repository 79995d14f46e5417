"""Entries by what they say: kind, version, operator, output, verdict, person, time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aequo.errors import InputError
from aequo.ledger.entry import Entry, microseconds
from aequo.ledger.reading import Chosen, read_entries

if TYPE_CHECKING:
    from aequo.ledger import Ledger

__all__ = ["Wanted", "find_entries", "moment"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an entry has to say. None asks for nothing.

    Attributes
    ----------
    kind, model_version, operator_id, verdict : str or None
        Equal to the entry's.
    output : str or None
        As text: ``"1"`` is asked for by the number 1 and by the text, ``"true"`` by the boolean and the text.
    """

    kind: str | None = None
    model_version: str | None = None
    operator_id: str | None = None
    output: str | None = None
    verdict: str | None = None

    @property
    def anything(self) -> bool:
        """Whether every entry fits."""
        return self == Wanted()

    def fits(self, entry: Entry) -> bool:
        """Whether an entry says it.

        Parameters
        ----------
        entry : Entry
            As read.
        """
        if self.kind is not None and entry.kind != self.kind:
            return False
        event = entry.event if isinstance(entry.event, dict) else {}
        for name in ("model_version", "operator_id", "verdict"):
            asked = getattr(self, name)
            if asked is not None and event.get(name) != asked:
                return False
        return self.output is None or ("output" in event and _reads(event["output"], self.output))


def _reads(value: object, asked: str) -> bool:
    if isinstance(value, str):
        return value == asked
    if value is None or isinstance(value, bool):
        return asked == {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (int, float)):
        try:
            return float(asked) == value
        except ValueError:
            return False
    return False


def moment(when: dt.datetime | dt.date | str) -> dt.datetime:
    """Return an instant, UTC: of a date the first one; a time without a zone is taken as UTC.

    Raises
    ------
    InputError
        If a text is neither.

    Examples
    --------
    >>> moment("2026-01-31").isoformat(), moment("2026-01-31T12:00+01:00").isoformat()
    ('2026-01-31T00:00:00+00:00', '2026-01-31T11:00:00+00:00')
    """
    if isinstance(when, str):
        try:
            when = dt.datetime.fromisoformat(when.strip())
        except ValueError:
            raise InputError(f"{when!r} is no date, expected one such as 2026-01-31 or 2026-01-31T12:00Z.") from None
    if not isinstance(when, dt.datetime):
        when = dt.datetime(when.year, when.month, when.day, tzinfo=dt.UTC)
    return (when if when.tzinfo is not None else when.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)


def find_entries(
    ledger: Ledger,
    wanted: Wanted,
    *,
    start: int = 0,
    stop: int | None = None,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
    subject: str | None = None,
    newest_first: bool = False,
    opened: bool = False,
) -> Iterator[Entry]:
    """Return entries one by one.

    Parameters
    ----------
    ledger : Ledger
        Opened with its key where a subject is asked for, or what is sealed is to be opened.
    wanted : Wanted
        What they have to say, in the part that is readable by everybody unless `opened`.
    start, stop, since, until, newest_first
        As for `Ledger.entries`.
    subject : str, optional
        The person they are on.
    opened : bool
        Whether to open what is sealed.

    Examples
    --------
    >>> import tempfile
    >>> from aequo.ledger import KeyRing, Ledger
    >>> folder = tempfile.TemporaryDirectory()
    >>> ledger = Ledger.open(f"sqlite:///{folder.name}/ledger.db", key=KeyRing.new())
    >>> receipts = ledger.append_many([{"kind": "review", "output": 1}, {"kind": "review", "output": "1"}, [1]])
    >>> [entry.index for entry in find_entries(ledger, Wanted(output="1"), newest_first=True)]
    [1, 0]
    >>> ledger.close()
    >>> folder.cleanup()
    """
    if opened:
        found = ledger.entries(
            start=start,
            stop=stop,
            since=since,
            until=until,
            kind=wanted.kind,
            subject=subject,
            newest_first=newest_first,
        )
    else:
        chosen = Chosen(
            start=max(0, start),
            stop=stop,
            since=None if since is None else microseconds(since),
            until=None if until is None else microseconds(until),
            kind=wanted.kind,
            subject=None if subject is None else ledger.subject_id(subject),
            newest_first=newest_first,
        )
        found = read_entries(ledger.store, chosen, None)
    return (entry for entry in found if wanted.fits(entry))
