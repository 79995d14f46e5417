"""`Policy`: what an assessment is held against. Limits, groups and rules from one TOML file, frozen, with a digest.

Every key has a default, so ``Policy()`` is a policy, and a file says only what differs. What a file cannot mean (an
unknown key, a wrong type, an impossible value) is refused in one sentence that names the line.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from aequo.core.limits import CHECKS, LIMITS, REQUIRED, Limit
from aequo.core.reading import Frozen, known, read_limits, read_required, read_table
from aequo.core.sections import (
    DataPolicy,
    GroupsPolicy,
    LedgerPolicy,
    PrivacyPolicy,
    Section,
    StatisticsPolicy,
    SystemPolicy,
    item,
    rule,
)
from aequo.core.sections_erase import ErasePolicy, StorePolicy
from aequo.core.sections_ethics import DutiesPolicy, DutyPolicy, EthicsPolicy, StakeholderPolicy
from aequo.core.toml import KeyPath, key_lines, toml_value
from aequo.errors import PolicyError, did_you_mean

__all__ = [
    "CHECKS",
    "FILE_NAME",
    "LIMITS",
    "REQUIRED",
    "DataPolicy",
    "DutiesPolicy",
    "DutyPolicy",
    "ErasePolicy",
    "EthicsPolicy",
    "Frozen",
    "GroupsPolicy",
    "LedgerPolicy",
    "Limit",
    "Policy",
    "PrivacyPolicy",
    "StakeholderPolicy",
    "StatisticsPolicy",
    "StorePolicy",
    "SystemPolicy",
]

FILE_NAME = "aequo.toml"
"""The policy file that the command line looks for."""

MAX_BYTES = 1_000_000
"""A larger file is no policy, and is not read to its end."""


def _read_section(kind: type[Section]) -> Callable[[KeyPath, object], Section]:
    names = [f.name for f in dataclasses.fields(cast(Any, kind))]

    def read(key: KeyPath, value: object) -> Section:
        if isinstance(value, kind):
            return value
        table = read_table(key, value, f"a section [{kind.section}] with its keys below it")
        for name in table:
            if name not in names:
                hint = did_you_mean(str(name), names) or _elsewhere(str(name)) or known(tuple(names))
                raise PolicyError(f"[{kind.section}] has no key {str(name)!r}.{hint}", key=(*key, name))
        return kind(**cast(Mapping[str, Any], table))

    return read


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy(Section):
    """What an assessment is held against.

    Attributes
    ----------
    required : tuple of str
        Ids of the checks that the verdict depends on, such as ``"demographic-parity"``.
    system, data, groups, statistics, privacy, ledger, erase, ethics, duties : sections
        `SystemPolicy`, `DataPolicy`, `GroupsPolicy`, `StatisticsPolicy`, `PrivacyPolicy`, `LedgerPolicy`,
        `ErasePolicy`, `EthicsPolicy`, `DutiesPolicy`; or mappings with their keys.
    limits : mapping of str to float
        Limit of each check, all of `LIMITS`; those not given have their default.

    Raises
    ------
    PolicyError
        If a value is impossible. ``error.key`` is the path of the key at fault.

    Examples
    --------
    >>> policy = Policy(groups={"columns": ["race", "sex"]}, limits={"disparate_impact": 0.9})
    >>> policy.groups.columns, policy.limit("disparate-impact"), policy.limit("demographic-parity")
    (('race', 'sex'), 0.9, 0.1)
    >>> Policy(statistics={"confidence": 95})
    Traceback (most recent call last):
    aequo.errors.PolicyError: statistics.confidence is 95, expected a number from 0.5 to 0.9999 (write 0.95 for 95 %).
    """

    required: tuple[str, ...] = item(REQUIRED, read_required, "checks that the verdict depends on")
    system: SystemPolicy = field(default=SystemPolicy(), metadata=rule(_read_section(SystemPolicy), "what is assessed"))
    data: DataPolicy = field(default=DataPolicy(), metadata=rule(_read_section(DataPolicy), "which columns mean what"))
    groups: GroupsPolicy = field(
        default=GroupsPolicy(), metadata=rule(_read_section(GroupsPolicy), "between whom fairness is asked for")
    )
    statistics: StatisticsPolicy = field(
        default=StatisticsPolicy(), metadata=rule(_read_section(StatisticsPolicy), "how sure a verdict must be")
    )
    privacy: PrivacyPolicy = field(
        default=PrivacyPolicy(), metadata=rule(_read_section(PrivacyPolicy), "what may leave the machine")
    )
    ledger: LedgerPolicy = field(
        default=LedgerPolicy(), metadata=rule(_read_section(LedgerPolicy), "where decisions are recorded")
    )
    erase: ErasePolicy = field(
        default=ErasePolicy(), metadata=rule(_read_section(ErasePolicy), "where else data on people is")
    )
    ethics: EthicsPolicy = field(
        default=EthicsPolicy(), metadata=rule(_read_section(EthicsPolicy), "what outcomes are worth to whom")
    )
    duties: DutiesPolicy = field(
        default=DutiesPolicy(), metadata=rule(_read_section(DutiesPolicy), "what must hold whatever the score")
    )
    limits: Mapping[str, float] = item(Frozen(), read_limits, "what each check is held against")

    def __post_init__(self) -> None:
        Section.__post_init__(self)
        for role in ("label", "prediction", "score", "weight"):
            name = getattr(self.data, role)
            for part in ("columns", "controls"):
                if name is not None and name in getattr(self.groups, part):
                    key = ("groups", part, getattr(self.groups, part).index(name))
                    raise PolicyError(f"groups.{part} names {name!r}, which is the {role} column.", key=key)

    @classmethod
    def load(cls, path: str | Path) -> Policy:
        """Read a policy file.

        Parameters
        ----------
        path : str or Path
            A TOML file in UTF-8.

        Raises
        ------
        PolicyError
            If the file cannot be read or says something it cannot mean.
        """
        name = str(path)
        try:
            with Path(path).open("rb") as file:
                raw = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            raise PolicyError(f"there is no policy file {name!r}. `aequo init` writes one.") from None
        except IsADirectoryError:
            raise PolicyError(f"{name!r} is a directory, expected a policy file such as {FILE_NAME}.") from None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise PolicyError(f"the policy file {name!r} cannot be read: {reason}.") from None
        if len(raw) > MAX_BYTES:
            raise PolicyError(f"{name!r} has more than {MAX_BYTES:,} bytes, expected a short policy file in TOML.")
        return cls.parse(_decode(raw, name), source=name)

    @classmethod
    def parse(cls, text: str, *, source: str = FILE_NAME) -> Policy:
        r"""Read a policy from TOML text.

        Parameters
        ----------
        text : str
            TOML.
        source : str
            Name of the file for messages.

        Raises
        ------
        PolicyError
            ``source:line: what was seen, what is expected``.

        Examples
        --------
        >>> Policy.parse('[data]\nlabel = "approved"\nfavourable = 1').data.favourable
        '1'
        >>> Policy.parse('[data]\n\nlable = "approved"')
        Traceback (most recent call last):
        aequo.errors.PolicyError: aequo.toml:3: [data] has no key 'lable'. Did you mean 'label'?
        """
        text = text.removeprefix("\ufeff").replace("\r\n", "\n")
        try:
            plain = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise PolicyError(_syntax(str(error), text, source)) from None
        except (ValueError, RecursionError):
            # Python refuses integers of thousands of digits and brackets nested a thousand deep.
            raise PolicyError(f"{source}: this is no policy: a number is too long or tables nest too deep.") from None
        try:
            return cls.from_dict(plain)
        except PolicyError as error:
            lines, key = key_lines(text), error.key
            while key and key not in lines:
                key = key[:-1]
            place = f"{source}:{lines[key]}" if key else source
            raise PolicyError(f"{place}: {error}", key=error.key) from None

    @classmethod
    def from_dict(cls, plain: Mapping[str, object]) -> Policy:
        """Return the policy that `to_dict` describes; keys that are absent have their defaults.

        Raises
        ------
        PolicyError
            If it says something it cannot mean.
        """
        names = [f.name for f in dataclasses.fields(cls)]
        for name in plain:
            if name not in names:
                hint = _elsewhere(name) or did_you_mean(name, names) or known(tuple(names))
                raise PolicyError(f"there is no section or key {name!r} here.{hint}", key=(name,))
        return cls(**cast(Mapping[str, Any], plain))

    def replace(self, **changes: object) -> Policy:
        """Return a policy with some keys changed.

        Parameters
        ----------
        **changes
            Key by dotted path, such as ``{"data.label": "y", "limits.disparate_impact": 0.9}``. With other group
            columns, references and populations of columns that are no longer there are dropped unless given too.

        Examples
        --------
        >>> Policy().replace(**{"data.label": "y", "limits.proxies": 0.7}).data.label
        'y'
        """
        plain: dict[str, Any] = self.to_dict()
        if "groups.columns" in changes:
            kept = changes["groups.columns"]
            for role in ("reference", "population"):
                if isinstance(kept, (list, tuple)) and f"groups.{role}" not in changes:
                    plain["groups"][role] = {c: v for c, v in plain["groups"][role].items() if c in kept}
        for path, value in changes.items():
            section, _, name = path.partition(".")
            if not name:
                plain[section] = value
            elif section in plain and isinstance(plain[section], dict):
                plain[section][name] = value
            else:
                raise PolicyError(f"there is no section {section!r}.{did_you_mean(section, plain)}", key=(section,))
        return Policy.from_dict(plain)

    def limit(self, check: str) -> float:
        """Return the limit of a check by its id, such as ``"demographic-parity"``.

        Raises
        ------
        PolicyError
            If there is no such check, or it has no limit.
        """
        name = check.replace("-", "_")
        if name not in self.limits:
            raise PolicyError(f"there is no limit for {check!r}.{did_you_mean(name, self.limits)}")
        return self.limits[name]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values in a fixed order, ready for JSON."""
        plain: dict[str, Any] = _plain(self)
        return plain

    def to_toml(self) -> str:
        """Return the whole policy as TOML, with a comment at each key; `Policy.parse` gives the policy back."""
        lines: list[str] = []
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            if f.name == "required":
                items = "".join(f"    {toml_value(v)},\n" for v in value)
                lines += [f"# {f.metadata['about']}", f"required = [\n{items}]" if value else "required = []"]
                continue
            lines += ["", f"[{f.name}]  # {f.metadata['about']}"]
            if f.name == "limits":
                lines += [f"{k} = {toml_value(v)}  # {LIMITS[k].meaning}" for k, v in value.items()]
                continue
            for g in dataclasses.fields(value):
                inner = getattr(value, g.name)
                start = f"# {g.name} =" if inner is None else f"{g.name} = {toml_value(_plain(inner))}"
                lines.append(f"{start}  # {g.metadata['about']}")
        return "\n".join(lines) + "\n"

    def digest(self) -> str:
        """Return ``sha256:...`` of `to_dict` as JSON with sorted keys and no blanks."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, tuple) else value


def _elsewhere(name: str) -> str:
    """Say where a key that was put into the wrong place belongs."""
    for f in dataclasses.fields(Policy):
        kind = type(f.default)
        if dataclasses.is_dataclass(kind) and name in [g.name for g in dataclasses.fields(kind)]:
            return f" It belongs below [{f.name}]."
    if name.replace("-", "_") in LIMITS:
        return f" It belongs below [limits], as {name.replace('-', '_')}."
    return " It belongs at the top of the file, before the first section." if name == "required" else ""


def _decode(raw: bytes, source: str) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise PolicyError(f"{source}:1: the file is in UTF-16, expected UTF-8: save it as UTF-8.")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        byte = f"0x{raw[error.start]:02X}"
        raise PolicyError(f"{source}:{line}: the byte {byte} is not UTF-8: save the file as UTF-8.") from None


def _syntax(message: str, text: str, source: str) -> str:
    found = re.search(r"^(.*?) \(at (?:line (\d+), column (\d+)|end of document)\)$", message, re.DOTALL)
    if found is None:
        return f"{source}: not valid TOML: {message}."
    what, line, column = found.groups()
    # tomllib quotes paths as Python tuples and characters as Python strings; the first words say enough.
    what = what[:1].lower() + what[1:]
    if line is None:
        return f"{source}:{text.rstrip().count(chr(10)) + 1}: not valid TOML: {what} at the end of the file."
    hint = " Text needs quotes, and a number a digit before its point." if what == "invalid value" else ""
    return f"{source}:{line}: not valid TOML: {what} (column {column}).{hint}"
