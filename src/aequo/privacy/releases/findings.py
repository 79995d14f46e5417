"""The findings on a release: what was measured, held against what was asked for, in one sentence each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aequo.core.finding import Evidence, Finding, Status
from aequo.privacy.pseudonyms.personal import PersonalColumn
from aequo.privacy.releases.classes import Classes
from aequo.privacy.releases.measures import Diversity
from aequo.privacy.releases.result import Sensitive

__all__ = ["Judge", "Limits", "many"]

_CHECKS: Mapping[Diversity, str] = {
    "distinct": "l-diversity",
    "entropy": "entropy-l-diversity",
    "recursive": "recursive-l-diversity",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a release is held against; see `aequo.privacy.releases.check.check_release`."""

    k: int
    l: int | None  # noqa: E741 - the name that everyone knows it by
    t: float | None
    c: float
    diversity: Diversity


def many(count: int, what: str, ending: str = "s") -> str:
    """Return a number of things in words.

    Examples
    --------
    >>> many(1, "class", "es"), many(1200, "row")
    ('1 class', '1,200 rows')
    """
    return f"{count:,} {what}{'' if count == 1 else ending}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Turns measures into findings.

    Attributes
    ----------
    classes : Classes
        What was counted.
    limits : Limits
        What is asked for.
    evidence : tuple of Evidence
        The files that were read.
    """

    classes: Classes
    limits: Limits
    evidence: tuple[Evidence, ...]

    def k_anonymity(self) -> Finding:
        """Judge the smallest class."""
        n, rows, asked = self.classes.n, self.classes.rows, self.limits.k
        subject = self.classes.subject
        if not rows:
            why = "Not judged: there are no rows."
            return self._finding("k-anonymity", subject, Status.UNKNOWN, None, 0, asked, why)
        smallest = int(n.min())
        among = many(len(n), "class", "es")
        if smallest >= asked:
            why = f"Every one of {among} of {subject} holds {many(smallest, 'row')} or more; {asked:,} are asked for."
            return self._finding("k-anonymity", subject, Status.PASS, smallest, rows, asked, why)
        small, alone = int(n[n < asked].sum()), int((n == 1).sum())
        why = (
            f"The smallest of {among} of {subject} holds {many(smallest, 'row')}, fewer than {asked:,}: {small:,} of "
            f"{rows:,} rows ({small / rows:.1%}) are in classes that small, {alone:,} of them alone."
        )
        return self._finding("k-anonymity", subject, Status.FAIL, smallest, rows, asked, why)

    def diversity(self, one: Sensitive) -> list[Finding]:
        """Judge the least diverse class, by each form of l-diversity; two of them only warn."""
        if self.limits.l is None:
            return []
        return [self._diversity(one, form, self.limits.l) for form in _CHECKS]

    def _diversity(self, one: Sensitive, form: Diversity, asked: int) -> Finding:
        known = self.classes.rows - one.missing
        limit = self.limits.c if form == "recursive" else float(asked)
        required = form == self.limits.diversity
        if one.distinct is None or one.effective is None:
            why = f"Not judged: no row has a value of {one.column}."
            return self._finding(_CHECKS[form], one.column, Status.UNKNOWN, None, known, limit, why, required)
        where = f"the least diverse class of {self.classes.subject}"
        value: float | None
        if form == "distinct":
            value, holds = float(one.distinct), one.distinct >= asked
            occur = "occurs" if one.distinct == 1 else "occur"
            why = f"In {where}, {many(one.distinct, 'value')} of {one.column} {occur}; {asked} are asked for"
            if one.rows_alike:
                why += f": {one.rows_alike:,} of {self.classes.rows:,} rows are in classes where all have one"
        elif form == "entropy":
            value, holds = one.effective, one.effective >= asked - 1e-9  # logarithms of equal shares are not exact
            why = (
                f"The values of {one.column} in {where} are as diverse as {one.effective:.2f} equally frequent ones; "
                f"{asked} are asked for"
            )
        else:
            value, holds = one.recursive, one.recursive is not None and one.recursive < limit
            rest = f"those from the {_ordinal(asked)} on together"
            why = (
                f"Some class of {self.classes.subject} has fewer than {many(asked, 'value')} of {one.column}"
                if value is None
                else f"In a class of {self.classes.subject} the most frequent value of {one.column} is up to "
                f"{value:.2f} times as frequent as {rest}; less than {limit:g} is asked for"
            )
        status = Status.PASS if holds else Status.FAIL if required else Status.WARN
        return self._finding(_CHECKS[form], one.column, status, value, known, limit, f"{why}.", required)

    def closeness(self, one: Sensitive) -> list[Finding]:
        """Judge the class whose values are most unlike those of all rows."""
        asked, known = self.limits.t, self.classes.rows - one.missing
        if asked is None:
            return []
        if one.closeness is None:
            why = f"Not judged: no row has a value of {one.column}."
            return [self._finding("t-closeness", one.column, Status.UNKNOWN, None, known, asked, why)]
        status = Status.PASS if one.closeness <= asked + 1e-12 else Status.FAIL
        why = (
            f"The values of {one.column} in the most unlike class of {self.classes.subject} are {one.closeness:.3f} "
            f"from those of all rows ({one.distance} distance, 0 to 1); at most {asked:g} is asked for."
        )
        return [self._finding("t-closeness", one.column, status, one.closeness, known, asked, why)]

    def direct(self, found: tuple[PersonalColumn, ...]) -> Finding:
        """Judge columns beside those that were named which tell who somebody is."""
        look = "These columns look as if they" if len(found) > 1 else "This column looks as if it"
        why = (
            f"{look} told who somebody is: {', '.join(f'{one.column} ({one.kind})' for one in found)}. Leave out, "
            "pseudonymise, or name as quasi-identifier or sensitive; ignore what somebody looked at and found harmless."
        )
        subject = ", ".join(one.column for one in found)
        return self._finding("direct-identifiers", subject, Status.FAIL, len(found), self.classes.rows, 0, why)

    def _finding(
        self,
        check: str,
        subject: str,
        status: Status,
        value: float | None,
        n: int,
        limit: float,
        why: str,
        required: bool = True,
    ) -> Finding:
        return Finding(
            id=f"privacy/{check}/{subject}",
            check=check,
            subject=subject,
            status=status,
            value=None if value is None else float(value),
            interval=None,
            n=n,
            limit=float(limit),
            why=why,
            required=required,
            measures=(check.replace("-", "_"),),
            evidence=self.evidence,
        )


def _ordinal(number: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")
