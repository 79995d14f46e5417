"""What happens where columns look personal that nobody named."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Literal, get_args

from aequo.errors import InputError, Refused
from aequo.privacy.pseudonyms.personal import PersonalColumn, Sample, sample_of
from aequo.privacy.pseudonyms.replacing import Change

__all__ = ["Unknown", "Watch"]

Unknown = Literal["report", "refuse", "ignore"]
"""What happens to columns that look personal and are not among the fields."""


class Watch:
    """Looks at what stays as it is, and reports, refuses or ignores what looks personal in it.

    Parameters
    ----------
    unknown : {"report", "refuse", "ignore"}
        Which of the three.
    person : str or None
        Column that tells people apart; if it stays as it is, that is told too.
    missing : collection of str
        Texts that mean "missing".

    Raises
    ------
    InputError
        If `unknown` is none of the three.

    Examples
    --------
    >>> watch = Watch("refuse", None, ("",))
    >>> watch.judge(watch.look({"host": ["10.1.2.3"], "n": [1]}, ["host", "n"], []))
    Traceback (most recent call last):
    ...
    aequo.errors.Refused: these columns look personal and are not among the fields: 'host' (IP address). Name them as
    fields, leave them out, or have them only reported.
    """

    def __init__(self, unknown: Unknown, person: str | None, missing: Collection[str]) -> None:
        if unknown not in get_args(Unknown):
            raise InputError(f"unknown is {unknown!r}, expected 'report', 'refuse' or 'ignore'.")
        self._unknown, self._person, self._missing = unknown, person, tuple(missing)

    @property
    def refuses(self) -> bool:
        """Whether what looks personal is refused."""
        return self._unknown == "refuse"

    def sample(self) -> Sample | None:
        """Return what is to be given the values that stay; None if nobody looks at them."""
        return None if self._unknown == "ignore" else Sample(self._missing)

    def look(
        self, data: Any, names: Sequence[str], changes: Sequence[Change], *, encoding: str = "utf-8"
    ) -> tuple[PersonalColumn, ...]:
        """Return the columns of a frame or file that look personal and are not changed."""
        known = {change.column for change in changes}
        if self._unknown == "ignore" or len(known) == len(names):
            return ()
        sample = sample_of(data, missing=self._missing, encoding=encoding, columns=known)
        return self.with_person(sample.judge(), known)

    def with_person(self, found: tuple[PersonalColumn, ...], known: Collection[str]) -> tuple[PersonalColumn, ...]:
        """Add the column that tells people apart, if it stays as it is."""
        person = self._person
        if person is None or person in known or any(one.column == person for one in found):
            return found
        why = "it tells people apart and is not among the fields"
        return (*found, PersonalColumn(person, "identifier", ("name",), None, 0, why))

    def judge(self, personal: Sequence[PersonalColumn], *, passed: int = 0) -> None:
        """Refuse what looks personal, if that is what is to happen.

        Parameters
        ----------
        personal : sequence of PersonalColumn
            What looks so.
        passed : int
            Records that were passed on before.

        Raises
        ------
        Refused
            With the names of the columns, and no value.
        """
        if not self.refuses or not personal:
            return
        listed = ", ".join(f"{one.column!r} ({one.kind})" for one in personal)
        before = f" {passed:,} records before were passed on." if passed else ""
        raise Refused(
            f"these columns look personal and are not among the fields: {listed}. Name them as fields, leave them out, "
            f"or have them only reported.{before}"
        )
