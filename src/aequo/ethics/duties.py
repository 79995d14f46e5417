"""`Duties`: rules that hold whatever the score. Each is checked on one decision, on many, or on a list of features."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from aequo.core.finding import Finding, Status
from aequo.core.intervals import normal_quantile, wilson
from aequo.core.levels import level
from aequo.core.policy import Policy
from aequo.core.sections_ethics import DutiesPolicy, DutyPolicy
from aequo.core.table import Table
from aequo.core.verdict import Action
from aequo.errors import AequoError, EthicalViolation, InputError, PolicyError

__all__ = ["Duties", "Proxy", "Rule"]

Rule = Callable[[Any], "bool | Finding | None"]
"""A rule of your own: it is given what is checked (a row as a mapping, or the rows as they came; a file comes as a
`Table`), and says True (kept), False (broken), None (cannot be told), or a `Finding`."""

_MOST = 10**6


class Proxy(NamedTuple):
    """How well features tell a protected column, measured elsewhere (`aequo.fairness.proxies`).

    Attributes
    ----------
    attribute : str
        The protected column.
    features : tuple of str
        The features that tell it best, for the sentence.
    value : float or None
        Area under the ROC curve, 0..1; None if it could not be measured.
    interval : tuple of float or None
        Its interval.
    n : int
        Rows behind it.
    why : str
        Why there is no value, where there is none.
    """

    attribute: str
    features: tuple[str, ...]
    value: float | None
    interval: tuple[float, float] | None
    n: int
    why: str = ""


class Duties:
    """The duties of a policy, ready to be checked.

    Parameters
    ----------
    policy : Policy, DutiesPolicy or mapping, optional
        What must hold; a mapping has the keys of the section ``[duties]``.
    rules : mapping of str to callable, optional
        Rules of your own by name, beside those that the policy names.

    Raises
    ------
    PolicyError
        If the policy cannot be meant, or names a function that is not there.

    Examples
    --------
    >>> duties = Duties(
    ...     {
    ...         "protected": ["race"],
    ...         "rules": [
    ...             {"duty": "consent", "column": "consent", "says": "yes"},
    ...             {"duty": "explanation", "column": "reasons", "when": {"approve": 0}},
    ...             {"duty": "person", "column": "decided_by", "says": "person", "when": {"vulnerable": 1}},
    ...         ],
    ...     },
    ...     rules={"adult": lambda row: row["age"] >= 18},
    ... )
    >>> row = {"consent": "yes", "approve": 0, "reasons": "", "decided_by": "model", "vulnerable": 0, "age": 30}
    >>> {f.subject: f.status.value for f in duties.check(row, features=["income", "debt"])}
    {'consent': 'pass', 'explanation': 'fail', 'person': 'pass', 'adult': 'pass', 'features': 'pass'}
    >>> duties.enforce(row)
    Traceback (most recent call last):
    aequo.errors.EthicalViolation: the duty 'explanation' is broken: 'reasons' says nothing, where approve is 0.
    """

    def __init__(
        self,
        policy: Policy | DutiesPolicy | Mapping[str, Any] | None = None,
        *,
        rules: Mapping[str, Rule] | None = None,
    ) -> None:
        if isinstance(policy, Policy):
            policy = policy.duties
        self.policy = policy if isinstance(policy, DutiesPolicy) else _read(policy or {})
        self.rules: dict[str, DutyPolicy | Rule] = {r.name: _function(r) if r.use else r for r in self.policy.rules}
        for name, rule in (rules or {}).items():
            if name in self.rules:
                raise InputError(f"two duties are named {name!r}, expected a name for each.")
            self.rules[name] = rule
        self._kinds = {r.name: r.duty for r in self.policy.rules}

    def check(
        self,
        data: Any = None,
        *,
        features: Sequence[str] | str | None = None,
        proxies: Sequence[Proxy] = (),
        confidence: float = 0.95,
    ) -> tuple[Finding, ...]:
        """Check every duty that can be checked on what is given.

        Parameters
        ----------
        data : mapping, frame, path or Table, optional
            One decision, as a mapping of column to value; or many, as anything that `aequo.Table.of` takes.
        features : str or sequence of str, optional
            The columns that a model uses; those of the policy by default.
        proxies : sequence of Proxy, optional
            How well they tell the protected columns. Where the policy has ``max_proxy``, a table is asked for it, one
            decision only where it is given.
        confidence : float
            Level of the intervals.

        Returns
        -------
        tuple of Finding
            One for each duty: FAIL if it is broken once or more, UNKNOWN if whether it is cannot be told, else PASS.
            ``value`` is the share of the decisions it is about that break it, ``n`` their number.

        Raises
        ------
        InputError
            If the data cannot be read.
        """
        if data is None:
            return self.check_protected_attributes(features, proxies)
        found = self._check_rules(data, tuple(self.rules), confidence)
        # Proxies are measured over many rows: one decision is held against them only if the figures are given.
        row = _is_row(data) and not proxies
        return found + tuple(
            f for f in self.check_protected_attributes(features, proxies) if not (row and f.check == "proxies")
        )

    def check_consent(self, data: Any, *, confidence: float = 0.95) -> tuple[Finding, ...]:
        """Check the duties of consent alone; parameters as for `check`.

        Examples
        --------
        >>> duties = Duties({"rules": [{"duty": "consent", "column": "consent", "says": "yes"}]})
        >>> duties.check_consent({"consent": ["yes", "no", "yes", "yes"]})[0].value
        0.25
        """
        return self._check_rules(data, self._of("consent"), confidence)

    def check_transparency(self, data: Any, *, confidence: float = 0.95) -> tuple[Finding, ...]:
        """Check the duties of explanation and disclosure alone; parameters as for `check`."""
        return self._check_rules(data, self._of("explanation", "disclosure"), confidence)

    def check_protected_attributes(
        self, features: Sequence[str] | str | None = None, proxies: Sequence[Proxy] = ()
    ) -> tuple[Finding, ...]:
        """Check that no protected column is a feature, as itself or one-hot, and that features do not tell it.

        Parameters
        ----------
        features : str or sequence of str, optional
            The columns that a model uses; those of the policy by default.
        proxies : sequence of Proxy
            How well they tell the protected columns; asked for where the policy has ``max_proxy``.

        Examples
        --------
        >>> finding = Duties({"protected": ["race"]}).check_protected_attributes(["income", "Race_black"])[0]
        >>> finding.status.value, finding.why
        ('fail', "Of 2 features 1 is a protected attribute: 'Race_black'.")
        """
        if not self.policy.protected:
            return ()
        features = (features,) if isinstance(features, str) else features
        out = [_protected(self.policy.protected, features or self.policy.features)]
        if self.policy.max_proxy is not None:
            told = {p.attribute: p for p in proxies}
            out += [_proxy(a, told.get(a), self.policy.max_proxy) for a in self.policy.protected]
        return tuple(out)

    def enforce(
        self,
        data: Any = None,
        *,
        features: Sequence[str] | str | None = None,
        proxies: Sequence[Proxy] = (),
    ) -> Action:
        """Refuse what breaks a duty.

        Parameters
        ----------
        data, features, proxies
            As for `check`.

        Returns
        -------
        Action
            ALLOW, or REVIEW where a person must decide, as the policy says of what cannot be told.

        Raises
        ------
        EthicalViolation
            If a duty is broken; or if it cannot be told, and the policy blocks then, as it does by default.
        """
        return self.decide(self.check(data, features=features, proxies=proxies))

    def decide(self, findings: Sequence[Finding]) -> Action:
        """Return what follows from findings of `check`; raises as `enforce` does."""
        actions = []
        for f in sorted(findings, key=lambda f: -f.status.severity):
            if f.status is Status.FAIL:
                raise EthicalViolation(
                    f"the duty {f.subject!r} is broken: {_lowered(f.why)}", rule=f.subject, finding=f
                )
            if f.status is Status.UNKNOWN:
                rule = self.policy.on_error if f.check == "duty-error" else self.policy.on_missing
                if rule == "block":
                    said = f"whether the duty {f.subject!r} is kept cannot be told: {_lowered(f.why)}"
                    raise EthicalViolation(said, rule=f.subject, finding=f)
                actions.append(Action(rule))
        return Action.strictest(actions)

    def _of(self, *kinds: str) -> tuple[str, ...]:
        return tuple(name for name, kind in self._kinds.items() if kind in kinds)

    def _check_rules(self, data: Any, names: Sequence[str], confidence: float) -> tuple[Finding, ...]:
        if not names:
            return ()
        row = _is_row(data)
        table = None if row else Table.of(data)
        read = isinstance(data, (str, bytes)) or hasattr(data, "__fspath__")  # a file comes as a Table
        out = []
        for name in names:
            rule = self.rules[name]
            if not isinstance(rule, DutyPolicy):
                out.append(_own(name, rule, table if read else data, 1 if table is None else _rows(table)))
            elif table is None:
                out.append(_on_row(rule, data))
            else:
                out.append(_on_table(rule, table, confidence))
        return tuple(out)


def _read(plain: Mapping[str, Any]) -> DutiesPolicy:
    policy: Policy = Policy(duties=plain)  # type: ignore[arg-type]  # a mapping with the section's keys is read
    return policy.duties


def _function(rule: DutyPolicy) -> Rule:
    """Return the function that a rule of the policy names."""
    module, _, name = rule.use.partition(":")
    try:
        found: Any = getattr(importlib.import_module(module), name)
    except Exception as error:  # the user's module runs here, and may fail in any way
        what = "is not there" if isinstance(error, AttributeError) else f"cannot be imported ({type(error).__name__})"
        raise PolicyError(f"the duty {rule.name!r} uses {rule.use!r}, which {what}.") from error
    if not callable(found):
        raise PolicyError(f"the duty {rule.name!r} uses {rule.use!r}, which is no function.")
    function: Rule = found
    return function


def _is_row(data: Any) -> bool:
    """Tell one decision from a mapping of columns: its values are not lists."""
    if not isinstance(data, Mapping):
        return False
    listed = [
        isinstance(v, (list, tuple)) or getattr(v, "ndim", 0) == 1 or hasattr(v, "to_list") for v in data.values()
    ]
    return not (listed and all(listed))


def _lowered(why: str) -> str:
    return why[:1].lower() + why[1:]


def _rows(table: Table) -> int:
    return table.counts().rows


# -- one decision, many decisions -------------------------------------------------------------------------------------


def _said(rule: DutyPolicy) -> tuple[str, str]:
    """Return what a broken rule looks like, and which decisions it is about, in words."""
    says = " or ".join(repr(v) for v in rule.says)
    broken = f"{rule.column!r} does not say {says}" if rule.says else f"{rule.column!r} says nothing"
    about = " and ".join(f"{c} is {' or '.join(values)}" for c, values in rule.when.items())
    return broken, f", where {about}" if about else ""


def _finding(
    name: str,
    status: Status,
    why: str,
    *,
    value: float | None,
    n: int,
    interval: tuple[float, float] | None = None,
    check: str = "duty",
) -> Finding:
    return Finding(
        id=f"ethics/{name}", check=check, subject=name, status=status, value=value, interval=interval, n=n, limit=0.0,
        why=why,
    )  # fmt: skip


def _on_row(rule: DutyPolicy, row: Mapping[str, Any]) -> Finding:
    absent = [c for c in (*rule.when, rule.column) if c not in row]
    broken, about = _said(rule)

    def says(column: str) -> str | None:
        value = row[column]
        if isinstance(value, (list, tuple, set, frozenset, dict)):
            return "a list" if len(value) else None
        text = level(value)
        return None if text is None or not text.strip() else text

    for column, values in rule.when.items():
        if column in row and says(column) is not None and says(column) not in values:
            return _finding(rule.name, Status.PASS, "It is not about this decision.", value=0.0, n=0)
    if absent or any(says(c) is None for c in rule.when):
        gone = absent[0] if absent else next(c for c in rule.when if says(c) is None)
        return _finding(rule.name, Status.UNKNOWN, f"Not judged: there is no {gone!r}.", value=None, n=0)
    found = says(rule.column)
    if found is None and rule.says:
        return _finding(rule.name, Status.UNKNOWN, f"Not judged: {rule.column!r} says nothing.", value=None, n=0)
    kept = _one_of(row[rule.column], rule.says) if rule.says else found is not None
    if kept:
        return _finding(rule.name, Status.PASS, "It is kept.", value=0.0, n=1)
    return _finding(rule.name, Status.FAIL, f"{broken}{about}.", value=1.0, n=1)


def _one_of(value: Any, says: Sequence[str]) -> bool:
    """Tell whether a value, or one of a list of values (such as purposes), is what must be said."""
    many = value if isinstance(value, (list, tuple, set, frozenset)) else [value]
    return any(level(v) in says for v in many)


def _on_table(rule: DutyPolicy, table: Table, confidence: float) -> Finding:
    absent = [c for c in (*rule.when, rule.column) if c not in table.columns]
    if absent:
        return _finding(rule.name, Status.UNKNOWN, f"Not judged: there is no column {absent[0]!r}.", value=None, n=0)
    broken_n, about_n, unknown = _counted(rule, table)
    broken, about = _said(rule)
    if about_n + unknown == 0:
        if _rows(table) == 0:
            return _finding(rule.name, Status.UNKNOWN, "Not judged: there are no decisions.", value=None, n=0)
        return _finding(rule.name, Status.PASS, "It is about none of these decisions.", value=0.0, n=0)
    value = broken_n / about_n if about_n else None
    interval = None
    if about_n:
        low, high = wilson(
            np.array([float(broken_n)]), np.array([float(about_n)]), normal_quantile((1 + confidence) / 2)
        )
        interval = (float(low[0]), float(high[0]))
    rest = f" Of {unknown:,} more it cannot be told, since a value is missing." if unknown else ""
    if broken_n:
        why = f"In {broken_n:,} of {about_n:,} decisions{about} {broken}.{rest}"
        return _finding(rule.name, Status.FAIL, why, value=value, n=about_n, interval=interval)
    if unknown:
        whole = about_n + unknown
        why = f"Not judged: of {unknown:,} of {whole:,} decisions it cannot be told, since a value is missing."
        return _finding(rule.name, Status.UNKNOWN, why, value=value, n=about_n, interval=interval)
    why = f"It is kept in all {about_n:,} decisions that it is about."
    return _finding(rule.name, Status.PASS, why, value=value, n=about_n, interval=interval)


def _counted(rule: DutyPolicy, table: Table) -> tuple[int, int, int]:
    """Return how many decisions break a rule, of how many that it is about and can be told, and how many cannot be."""
    conditions = tuple(rule.when)
    if rule.says:
        columns = (*conditions, *(() if rule.column in conditions else (rule.column,)))
        groups = table.counts(group=columns, max_groups=_MOST).groups(columns)
        names, n = groups.names, groups.n
        says = [name[columns.index(rule.column)] for name in names]
        empty = np.zeros(len(names), dtype=np.int64)
    else:
        missing = table.missing(conditions, (rule.column,))
        names, n, empty = missing.groups.names, missing.groups.n, missing.missing[:, 0]
        columns, says = conditions, [None] * len(names)
    broken = about = unknown = 0
    for i, name in enumerate(names):
        held = [name[columns.index(c)] for c in conditions]
        wanted = list(rule.when.values())
        if any(h is not None and h not in w for h, w in zip(held, wanted, strict=True)):
            continue
        rows = int(n[i])
        if any(h is None for h in held) or (rule.says and says[i] is None):
            unknown += rows
            continue
        about += rows
        broken += int(empty[i]) if not rule.says else rows * (says[i] not in rule.says)
    return broken, about, unknown


def _own(name: str, rule: Rule, given: Any, rows: int) -> Finding:
    """Ask a rule of the user's own. One that fails says nothing of what it was given, and is not taken for a pass."""
    try:
        found: Any = rule(given)
    except AequoError as error:
        why = f"Not judged: the rule ended with {type(error).__name__}."
        return _finding(name, Status.UNKNOWN, why, value=None, n=0, check="duty-error")
    except Exception as error:  # noqa: BLE001 - a crashed rule is a fact for the verdict; its text may hold a value
        why = f"Not judged: the rule ended with {type(error).__name__}."
        return _finding(name, Status.UNKNOWN, why, value=None, n=0, check="duty-error")
    if isinstance(found, Finding):
        return found
    if found is None:
        return _finding(name, Status.UNKNOWN, "Not judged: the rule could not tell.", value=None, n=rows)
    if isinstance(found, (bool, np.bool_)):
        status, why = (Status.PASS, "It is kept.") if found else (Status.FAIL, "The rule says that it is broken.")
        return _finding(name, status, why, value=None, n=rows)
    why = f"Not judged: the rule returned {type(found).__name__}, expected True, False, None or a Finding."
    return _finding(name, Status.UNKNOWN, why, value=None, n=rows, check="duty-error")


# -- features ---------------------------------------------------------------------------------------------------------


def _protected(protected: Sequence[str], features: Sequence[str] | None) -> Finding:
    how: dict[str, Any] = {"check": "protected-attributes"}
    if not features:
        why = "Not judged: which features are used was not said."
        return _finding("features", Status.UNKNOWN, why, value=None, n=0, **how)
    found = [f for f in features if any(_is_of(f, attribute) for attribute in protected)]
    value, n = float(len(found)), len(features)
    if not found:
        why = f"None of {n} features is a protected attribute."
        return _finding("features", Status.PASS, why, value=value, n=n, **how)
    named = ", ".join(repr(f) for f in found[:10]) + (f" and {len(found) - 10} more" if len(found) > 10 else "")
    verb = "is a protected attribute" if len(found) == 1 else "are protected attributes"
    why = f"Of {n} features {len(found)} {verb}: {named}."
    return _finding("features", Status.FAIL, why, value=value, n=n, **how)


def _is_of(feature: str, attribute: str) -> bool:
    """Tell whether a feature is a column, or one of its one-hot columns: ``race``, ``Race_black``, ``race=black``.

    Behind a transformer's name too, as scikit-learn writes it: ``onehot__race_black``.
    """
    column = attribute.casefold().strip()
    parts = feature.casefold().strip().split("__")
    names = ["__".join(parts[i:]) for i in range(len(parts))]
    return any(n == column or re.match(rf"{re.escape(column)}(?:[_=:.\[]|\s*==?\s*)", n) for n in names)


def _proxy(attribute: str, proxy: Proxy | None, limit: float) -> Finding:
    def finding(status: Status, why: str) -> Finding:
        return Finding(
            id=f"ethics/proxies/{attribute}",
            check="proxies",
            subject=attribute,
            status=status,
            value=None if proxy is None else proxy.value,
            interval=None if proxy is None else proxy.interval,
            n=0 if proxy is None else proxy.n,
            limit=limit,
            why=why,
            measures=("proxy_auc",),
        )

    if proxy is None or proxy.value is None or proxy.interval is None:
        why = proxy.why if proxy is not None and proxy.why else "how well the features tell it was not measured"
        return finding(Status.UNKNOWN, f"Not judged: {why.rstrip('.').removeprefix('Not judged: ')}.")
    low, high = proxy.interval
    best = f", most of all {', '.join(proxy.features[:3])}," if proxy.features else ""
    said = f"The features{best} tell {attribute} with an area under the ROC curve of {proxy.value:.2f}"
    if low > limit:
        return finding(Status.FAIL, f"{said}, beyond the limit of {limit:g}.")
    if high <= limit:
        return finding(Status.PASS, f"{said}, within the limit of {limit:g}.")
    return finding(Status.UNKNOWN, f"{said}, and the data cannot tell on which side of the limit of {limit:g} it is.")
