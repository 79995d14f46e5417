"""Pseudonymise records, frames, files and streams with a key: the same value becomes the same pseudonym everywhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar, get_args

from aequo.errors import InputError, KeyProblem, UnknownColumn, did_you_mean
from aequo.ledger.keys import KeySource
from aequo.privacy.pseudonyms.coder import Coder, Shift
from aequo.privacy.pseudonyms.fields import DEFAULTS, Field, Form, Kind, default_kind, fields_of, with_domain
from aequo.privacy.pseudonyms.files import (
    Progress,
    check_columns,
    csv_columns,
    file_format,
    must_be_file,
    rewrite_csv,
    rewrite_json_lines,
    whole,
)
from aequo.privacy.pseudonyms.mac import collision_probability, ring_of
from aequo.privacy.pseudonyms.personal import ROWS, PersonalColumn
from aequo.privacy.pseudonyms.records import Link, Rewriter, batches
from aequo.privacy.pseudonyms.replacing import Change, Counted, column_names, frame_kind, replaced
from aequo.privacy.pseudonyms.report import Pseudonymised, PseudonymReport, Replaced
from aequo.privacy.pseudonyms.vault import Vault
from aequo.privacy.pseudonyms.watch import Unknown, Watch

__all__ = ["Fields", "Pseudonymiser", "pseudonymise"]

Fields = Sequence[str] | str | Mapping[str, Kind | Field | None] | None
"""Names of columns, names with what they hold, or None for those that are recognised by name."""

T = TypeVar("T")

_CHUNK = 1_000
_EVERY = 1_000


class Pseudonymiser:
    """Replaces personal fields by pseudonyms that follow from the value and the key.

    Parameters
    ----------
    key : KeyRing, bytes, str or Path
        The master key, or where it is: see `aequo.ledger.keys.load_key`. Whoever has it can test a guess.
    fields : sequence of str, or mapping of str to Kind or Field, optional
        Columns to replace. By default those whose names say e-mail, phone, national id, address or name.
    form : {"token", "preserving"}
        Opaque tokens such as ``p1_9f86d081...``, or values of the same type. A `Field` may say otherwise for itself.
    person : str, optional
        Column that tells people apart: dates in the preserving form move by its value, and a vault links to it.
    unknown : {"report", "refuse", "ignore"}
        What happens where other columns look personal.
    vault : str, Path or Vault, optional
        Remember what the pseudonyms stand for, sealed, in this file. Without one nobody can turn them round.
    bits : int
        Length of a token: a multiple of 8 from 64 to 256.
    country : str, optional
        Calling code of telephone numbers written without one.
    missing : sequence of str
        Texts that mean "missing", beside None, NaN, NaT and space.
    version : int, optional
        Version of the key; the newest by default.

    Raises
    ------
    KeyProblem
        If there is no such key.
    InputError
        If an option cannot be.

    Examples
    --------
    >>> hide = Pseudonymiser(bytes(32), fields=["email"])
    >>> one, two = hide.record({"email": "Jane@x.org"}), hide.record({"email": "jane@X.org", "age": 31})
    >>> one.data["email"] == two.data["email"], two.data["age"], len(one.data["email"])
    (True, 31, 35)
    """

    def __init__(
        self,
        key: KeySource,
        fields: Fields = None,
        *,
        form: Form = "token",
        person: str | None = None,
        unknown: Unknown = "report",
        vault: str | Path | Vault | None = None,
        bits: int = 128,
        country: str | None = None,
        missing: Sequence[str] = ("",),
        version: int | None = None,
    ) -> None:
        if form not in get_args(Form):
            raise InputError(f"the form is {form!r}, expected 'token' or 'preserving'.")
        if bits not in range(64, 257, 8):
            raise InputError(f"a token has {bits!r} bits, expected a multiple of 8 from 64 to 256.")
        self._ring = ring_of(key)
        self.version = self._ring.version if version is None else version
        if self.version not in self._ring.versions:
            known = ", ".join(map(str, self._ring.versions))
            raise KeyProblem(f"there is no key of version {self.version}; there are {known}.")
        self._fields = fields_of(fields, country=country)
        self._form: Form = form
        self._person, self._bits = person, bits
        self._country, self._missing = country, tuple(missing)
        self._watch = Watch(unknown, person, self._missing)
        self._vault = Vault.open(vault, self._ring) if isinstance(vault, (str, os.PathLike)) else vault

    def __repr__(self) -> str:
        fields = "recognised by name" if self._fields is None else ", ".join(self._fields)
        return f"Pseudonymiser(key version {self.version}; fields: {fields})"

    # -- what there is to pseudonymise --------------------------------------------------------------------------------

    def record(self, record: Mapping[Any, Any]) -> Pseudonymised[dict[Any, Any]]:
        """Pseudonymise one record; nested dictionaries and lists are gone through.

        Parameters
        ----------
        record : mapping
            It stays as it is.

        Raises
        ------
        Refused
            If another field looks personal and that is to be refused.
        """
        rewriter, flush = self._rewriter()
        with self._together():
            made = rewriter.record(record)
            flush()
            report = self._reported(rewriter)
            self._watch.judge(report.personal)
        return Pseudonymised(made, lambda: report)

    def stream(
        self, records: Iterable[Mapping[Any, Any]], *, chunk: int | None = None
    ) -> Pseudonymised[Iterator[dict[Any, Any]]]:
        """Pseudonymise records as they come.

        Parameters
        ----------
        records : iterable of mapping
            Read only as far as what comes out is read.
        chunk : int, optional
            Records that are held back together, so that a vault is written, or a look taken, once for all of them.
            1 by default, or 1,000 with a vault or ``unknown="refuse"``.

        Raises
        ------
        Refused
            From the iterator, before the first record of a chunk in which another field looks personal.
        """
        size = chunk or (_CHUNK if self._vault is not None or self._watch.refuses else 1)
        rewriter, flush = self._rewriter()
        return Pseudonymised(self._streamed(records, rewriter, flush, size), lambda: self._reported(rewriter))

    def _streamed(
        self, records: Iterable[Mapping[Any, Any]], rewriter: Rewriter, flush: Callable[[], None], size: int
    ) -> Iterator[dict[Any, Any]]:
        kept, look = rewriter.sample, 1
        known: set[str] = set()
        for batch in batches(records, size):
            # The first rows are looked at one and all, later ones now and then.
            rewriter.sample = kept if rewriter.records < ROWS or rewriter.records % (_EVERY * size) < size else None
            with self._together():
                made = [rewriter.record(record) for record in batch]
                flush()
                if self._watch.refuses and kept is not None:
                    fresh = kept.columns.keys() - known
                    if fresh or rewriter.records >= look:
                        self._watch.judge(kept.judge(), passed=rewriter.records - len(batch))
                        known |= fresh
                        look = 2 * rewriter.records
            yield from made
        rewriter.sample = kept

    def frame(self, frame: T) -> Pseudonymised[T]:
        """Pseudonymise a frame.

        Parameters
        ----------
        frame : pandas, polars (also lazy), pyarrow, DuckDB or PySpark frame
            It stays as it is. A lazy one stays lazy; what is counted and looked at takes a query each.

        Raises
        ------
        UnknownColumn
            If a field is no column.
        InputError
            If it is no frame, or no field is named and none is recognised.
        Refused
            If another column looks personal and that is to be refused.
        """
        if frame_kind(frame) is None:
            raise InputError(f"a {type(frame).__name__} is no frame of pandas, polars, pyarrow, DuckDB or PySpark.")
        if self._vault is not None and frame_kind(frame) == "pyspark":
            raise InputError("Spark's workers cannot write to one vault: pseudonymise files, or leave the vault out.")
        names = column_names(frame)
        changes = self._changes(names, "the frame")
        personal = self._watch.look(frame, names, changes)
        self._watch.judge(personal)
        with self._together():
            made, counted = replaced(frame, changes)
            self._link_frame(frame, changes)
        report = self._report([(change, counted[change.column]) for change in changes], personal)
        return Pseudonymised(made, lambda: report)

    def file(
        self,
        path: str | Path,
        out: str | Path,
        *,
        overwrite: bool = False,
        encoding: str = "utf-8",
        progress: Progress | None = None,
    ) -> Pseudonymised[Path]:
        """Pseudonymise a file that may be larger than memory.

        Parameters
        ----------
        path : str or Path
            CSV, TSV, JSON lines (each also .gz) or Parquet.
        out : str or Path
            Where to write it, in the same format; whole or not at all.
        overwrite : bool
            Whether to replace a file that is there.
        encoding : str
            Of CSV and JSON lines: ``"utf-8"``, ``"latin-1"`` or ``"utf-16"``.
        progress : callable, optional
            Is told the share that was read, and the rows so far.

        Raises
        ------
        UnreadableData
            If the file is absent or not what its name says.
        UnknownColumn
            If a field is no column, or occurs in no record.
        OutputError
            If `out` is there, or cannot be written.
        Refused
            If another column looks personal and that is to be refused; nothing is written then.
        """
        source, target = Path(path).expanduser(), Path(out).expanduser()
        must_be_file(source)
        kind = file_format(source)
        if file_format(target) != kind:
            raise InputError(f"{target.name} is to be another format than {source.name}; give it the same ending.")
        packed = target.suffix.lower() == ".gz"
        with whole(target, overwrite=overwrite) as temporary, self._together(shared=True):
            if kind == "json lines":
                report = self._json_lines(source, temporary, packed=packed, encoding=encoding, progress=progress)
            else:
                report = self._table(source, temporary, kind, packed=packed, encoding=encoding, progress=progress)
        return Pseudonymised(target, lambda: report)

    def value(self, column: str, value: Any) -> Any:
        """Return the pseudonym of one value of a column, as to look a person up in pseudonymised data.

        Parameters
        ----------
        column : str
            One of the fields, or a name that is recognised.
        value : Any
            The value, in any of its spellings.

        Examples
        --------
        >>> hide = Pseudonymiser(bytes(32))
        >>> hide.value("email", "Jane@x.org") == hide.value("work_email", "jane@x.org")
        True
        """
        change = self._change_of(column, column)
        if change is None or change.mapper is None:
            raise UnknownColumn(f"{column!r} is none of the fields whose values become pseudonyms.")
        return change.mapper.many([value])[0]

    # -- how ----------------------------------------------------------------------------------------------------------

    def _together(self, *, shared: bool = False) -> Any:
        return nullcontext() if self._vault is None else self._vault.together(shared=shared)

    def _field(self, path: str, key: str) -> Field | None:
        if self._fields is not None:
            return self._fields.get(path)
        kind = default_kind(key)
        return None if kind is None else with_domain(Field(kind), key, country=self._country)

    def _change_of(self, path: str, key: str) -> Change | None:
        field = self._field(path, key)
        return None if field is None else self._change(path, field)

    def _change(self, column: str, field: Field) -> Change:
        if field.kind == "date" and (field.form or self._form) == "preserving":
            if self._person is None:
                raise InputError(
                    f"the dates of {column!r} move by person: say which column tells people apart (person), or give "
                    "that field the form 'token'."
                )
            who = self._person_field(self._person)
            return Change(
                column,
                mover=Shift(field, who, self._ring, self.version, missing=self._missing),
                person=self._person,
            )
        coder = Coder(
            field, self._ring, self.version, self._form, bits=self._bits, missing=self._missing, keeper=self._vault
        )
        return Change(column, mapper=coder)

    def _person_field(self, person: str) -> Field:
        known = self._field(person, person.rpartition(".")[2] or person)
        return known or (fields_of([person], country=self._country) or {})[person]

    def _changes(self, names: Sequence[str], source: str) -> list[Change]:
        if self._fields is not None:
            check_columns(names, list(self._fields), source)
            changes = [self._change(name, self._fields[name]) for name in names if name in self._fields]
        else:
            found = (self._change_of(name, name) for name in names)
            changes = [change for change in found if change is not None]
        if self._person is not None:
            check_columns(names, [self._person], source)
        if not changes:
            kinds = ", ".join(kind for kind in DEFAULTS if "_" not in kind)
            raise InputError(f"no column of {source} is recognised by its name as {kinds}: say which fields it has.")
        return changes

    def _table(
        self, source: Path, target: Path, kind: str, *, packed: bool, encoding: str, progress: Progress | None
    ) -> PseudonymReport:
        from aequo.privacy.pseudonyms.parquet import parquet_columns, rewrite_parquet

        names = list(parquet_columns(source)) if kind == "parquet" else csv_columns(source, encoding)
        changes = self._changes(names, source.name)
        personal = self._watch.look(str(source), names, changes, encoding=encoding)
        self._watch.judge(personal)
        linked = self._vault is not None and self._person is not None
        links, person = (self._link, self._person) if linked else (None, None)
        if kind == "parquet":
            counted = rewrite_parquet(source, target, changes, progress=progress, links=links, person=person)
        else:
            counted = rewrite_csv(
                source,
                target,
                changes,
                packed=packed,
                encoding=encoding,
                progress=progress,
                links=links,
                person=person,
            )
        return self._report([(change, counted[change.column]) for change in changes], personal)

    # -- records ------------------------------------------------------------------------------------------------------

    def _rewriter(self) -> tuple[Rewriter, Callable[[], None]]:
        pending: list[Link] = []
        sample = self._watch.sample()
        links = None if self._vault is None or self._person is None else pending.append
        rewriter = Rewriter(self._change_of, person=self._person, sample=sample, links=links)

        def flush() -> None:
            for change, made, who in pending:
                self._link(change, [made], [who])
            pending.clear()

        return rewriter, flush

    def _reported(self, rewriter: Rewriter) -> PseudonymReport:
        counted = list(rewriter.counted.values())
        known = {change.column for change, _ in counted}
        personal = () if rewriter.sample is None else self._watch.with_person(rewriter.sample.judge(), known)
        return self._report(counted, personal)

    def _json_lines(
        self, source: Path, target: Path, *, packed: bool, encoding: str, progress: Progress | None
    ) -> PseudonymReport:
        rewriter, flush = self._rewriter()
        kept = rewriter.sample

        def after(done: int) -> None:
            flush()
            if kept is not None and done <= ROWS:
                self._watch.judge(kept.judge())

        def look(done: int) -> None:
            rewriter.sample = kept if done < ROWS or done % _EVERY == 0 else None

        rewrite_json_lines(
            source, target, rewriter, packed=packed, encoding=encoding, progress=progress, after=after, before=look
        )
        rewriter.sample = kept
        never = [name for name in self._fields or () if name not in rewriter.counted]
        if never:
            hint = did_you_mean(never[0], rewriter.paths)
            raise UnknownColumn(f"no record of {source.name} has the field {never[0]!r}.{hint}")
        report = self._reported(rewriter)
        self._watch.judge(report.personal)
        return report

    # -- the vault, and the report ------------------------------------------------------------------------------------

    def _link(self, change: Change, made: Sequence[Any], people: Sequence[Any]) -> None:
        if self._vault is None or self._person is None or not isinstance(change.mapper, Coder):
            return
        coder = change.mapper
        pairs = {(new, who): None for new, who in zip(made, people, strict=True) if not coder.missing(new)}
        self._vault.link(coder.domain, self.version, list(pairs), self._person_field(self._person))

    def _link_frame(self, frame: Any, changes: Sequence[Change]) -> None:
        if self._vault is None or self._person is None:
            return
        import narwhals as nw

        from aequo.privacy.pseudonyms.replacing_queries import fetched

        lazy = nw.from_native(frame).lazy()
        for change in changes:
            if change.mapper is not None:
                rows = fetched(lazy.select(v=nw.col(change.column), p=nw.col(self._person)).unique())
                present = [row for row in rows if not change.mapper.missing(row[0])]
                made = change.mapper.many([value for value, _ in present])
                self._link(change, made, [who for _, who in present])

    def _report(
        self, counted: Sequence[tuple[Change, Counted]], personal: tuple[PersonalColumn, ...]
    ) -> PseudonymReport:
        return PseudonymReport(self.version, tuple(self._described(*one) for one in counted), personal)

    def _described(self, change: Change, counted: Counted) -> Replaced:
        what = change.mapper or change.mover
        field = what.field if isinstance(what, (Coder, Shift)) else Field("id")
        form = what.form if isinstance(what, Coder) else "shifted"
        chance = collision_probability(counted.values, self._bits) if form == "token" else None
        return Replaced(
            change.column,
            field.kind,
            field.domain or field.kind,
            form,
            counted.values,
            counted.missing,
            counted.lost,
            chance,
        )


def pseudonymise(
    data: Any,
    fields: Fields = None,
    *,
    key: KeySource,
    out: str | Path | None = None,
    overwrite: bool = False,
    encoding: str = "utf-8",
    progress: Progress | None = None,
    form: Form = "token",
    person: str | None = None,
    unknown: Unknown = "report",
    vault: str | Path | Vault | None = None,
    bits: int = 128,
    country: str | None = None,
    missing: Sequence[str] = ("",),
    version: int | None = None,
) -> Pseudonymised[Any]:
    """Replace the personal fields of a record, frame, file or stream by pseudonyms.

    Parameters
    ----------
    data : mapping, frame, path or iterable of mapping
        A record; a pandas, polars, pyarrow, DuckDB or PySpark frame; a CSV, TSV, JSON-lines or Parquet file; or records
        as they come.
    fields : sequence of str, or mapping of str to Kind or Field, optional
        Columns to replace. By default those whose names say e-mail, phone, national id, address or name.
    key : KeyRing, bytes, str or Path
        The master key, or where it is: see `aequo.ledger.keys.load_key`.
    out : str or Path, optional
        Where to write a file.
    overwrite, encoding, progress
        For files: see `Pseudonymiser.file`.
    form, person, unknown, vault, bits, country, missing, version
        See `Pseudonymiser`, which is built once for many calls.

    Returns
    -------
    Pseudonymised
        ``data`` of the same kind, and ``report``.

    Raises
    ------
    InputError
        If the data is of none of these kinds, or an option cannot be.
    KeyProblem
        If there is no key.
    Refused
        If another column looks personal and that is to be refused.

    Examples
    --------
    >>> record = {"email": "Jane@example.org", "phone": "+44 20 7946 0958", "amount": 120, "note": "ring 617-555-0123"}
    >>> result = pseudonymise(record, key=bytes(32), form="preserving")
    >>> result.data["email"].endswith("@example.com"), result.data["phone"][:4], result.data["amount"]
    (True, '+44 ', 120)
    >>> [(one.column, one.kind) for one in result.report.personal]
    [('note', 'text with phones')]
    """
    hide = Pseudonymiser(
        key,
        fields,
        form=form,
        person=person,
        unknown=unknown,
        vault=vault,
        bits=bits,
        country=country,
        missing=missing,
        version=version,
    )
    if isinstance(data, (str, os.PathLike)):
        if out is None:
            raise InputError("say where the pseudonymised file is to be written (out).")
        return hide.file(os.fspath(data), out, overwrite=overwrite, encoding=encoding, progress=progress)
    if out is not None:
        raise InputError("only a file is written to a file; give a path as the data, or leave `out` away.")
    if frame_kind(data) is not None:
        return hide.frame(data)
    if isinstance(data, Mapping):
        return hide.record(data)
    if isinstance(data, Iterable) and not isinstance(data, (bytes, bytearray)):
        return hide.stream(data)
    raise InputError(
        f"a {type(data).__name__} cannot be pseudonymised; give a dictionary, a frame, a path or an iterable of "
        "dictionaries."
    )
