"""``aequo mitigate``: compare remedies for unfairness, and save the one to take."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from aequo.cli.console import print_json, print_result, progress_bar, say
from aequo.errors import AequoError, InputError, LedgerError, OutputError

if TYPE_CHECKING:
    from aequo.core.policy import Policy
    from aequo.report.mitigation import Mitigation

__all__ = ["mitigate"]

Estimator = Literal["logistic", "boosting", "forest"]
Constraint = Literal["equalized-odds", "equal-opportunity", "false-positive-rate-parity", "demographic-parity"]
On = Literal["unknown", "fail", "never"]

_CODES = {"pass": 0, "warn": 0, "fail": 1, "unknown": 3}


def mitigate(
    data: Annotated[
        list[str], typer.Argument(metavar="DATA", help="CSV, Parquet or JSON-lines file(s), also .gz and globs.")
    ],
    label: Annotated[
        str | None, typer.Option(metavar="COL", help="Column with the true outcome, of two values.")
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(metavar="COL[,COL]", help="Column(s) that name the groups, crossed; may be repeated."),
    ] = None,
    favourable: Annotated[
        str | None, typer.Option(metavar="VALUE", help="The outcome that is good for the person; 1 by default.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="FILE", help="A trained model (.skops, .joblib) instead of --estimator.")
    ] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="The model's file is trusted: loading a joblib file runs what is in it.")
    ] = False,
    estimator: Annotated[
        Estimator | None, typer.Option(metavar="NAME", help="Model to train: logistic (default), boosting or forest.")
    ] = None,
    constraint: Annotated[
        Constraint,
        typer.Option(
            metavar="NAME",
            help="equalized-odds, equal-opportunity, false-positive-rate-parity or demographic-parity.",
        ),
    ] = "equalized-odds",
    tolerance: Annotated[
        float, typer.Option(metavar="X", help="Largest difference of rates between groups, 0 to 1.")
    ] = 0.02,
    remedies: Annotated[
        list[str] | None, typer.Option(metavar="NAME[,NAME]", help="Remedies to try; all by default; may be repeated.")
    ] = None,
    splits: Annotated[int, typer.Option(metavar="N", help="How often people are split.")] = 10,
    test_size: Annotated[float, typer.Option(metavar="X", help="Share of people in a test part.")] = 0.3,
    drop: Annotated[
        list[str] | None,
        typer.Option(metavar="COL[,COL]", help="Columns not to learn from, such as identifiers; may be repeated."),
    ] = None,
    include_group: Annotated[bool, typer.Option("--include-group", help="Let models see the group's columns.")] = False,
    weight: Annotated[str | None, typer.Option(metavar="COL", help="Column with row weights.")] = None,
    max_rows: Annotated[int, typer.Option(metavar="N", help="More rows are sampled.")] = 200_000,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Of everything random; the policy's by default.")
    ] = None,
    jobs: Annotated[int, typer.Option(metavar="N", help="Processes; -1 for one on each core.")] = -1,
    encoding: Annotated[
        str, typer.Option(metavar="NAME", help="Encoding of CSV files: utf-8, latin-1 or utf-16.")
    ] = "utf-8",
    policy: Annotated[
        str | None, typer.Option(metavar="FILE", help="The policy; ./aequo.toml by default, where there is one.")
    ] = None,
    out: Annotated[
        str | None, typer.Option(metavar="DIR", help="Write the report (HTML, Markdown, JSON) and the estimator there.")
    ] = None,
    ledger: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Record it there; by default in that of the policy, then $AEQUO_LEDGER."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(metavar="SOURCE", help="file:PATH or env:NAME of its key; by default that of the policy."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the whole result as JSON instead of a table.")] = False,
    fail_on: Annotated[
        On, typer.Option(metavar="WHEN", help="Exit code is not 0 on: unknown (fail or unknown), fail, or never.")
    ] = "unknown",
) -> int:
    """Compare remedies for unfairness on the same splits, and say which one to take.

    \b
    Examples:
      aequo mitigate loans.csv --label approved --group race --out remedies
      aequo mitigate loans.csv --label repaid --favourable yes --group sex --estimator boosting
        --constraint demographic-parity --tolerance 0.05 --remedies reweigh,thresholds

    Exit codes: 0 the recommended remedy meets the tolerance, 1 none does, 2 wrong usage or data, 3 the data cannot
    tell.
    """  # noqa: D301 - \b keeps the lines of an example apart
    from aequo.cli.options import find_policy, names, override

    if model is not None and estimator is not None:
        raise InputError("--model and --estimator are both given; a model is trained already, or is to be trained.")
    rules = find_policy(policy)
    named = ", ".join(Path(d).name for d in data[:3]) + (" ..." if len(data) > 3 else "")
    with _recording(rules, ledger, key) as book:
        from aequo.core.table import Table
        from aequo.flows.mitigate import mitigate as run

        table = Table.of(data[0] if len(data) == 1 else data, missing=rules.data.missing, encoding=encoding)
        rules = override(
            rules,
            {
                "data.label": label,
                "data.favourable": favourable,
                "data.weight": weight,
                "groups.columns": names(group, table.columns),
                "statistics.seed": seed,
            },
        )
        with progress_bar(f"Trying remedies on {named}") as progress:
            result = run(
                table,
                estimator=_model(model, estimator, trust=trust),
                constraint=constraint,
                tolerance=tolerance,
                remedies=list(_remedies(remedies)) or None,
                splits=splits,
                test_size=test_size,
                n_jobs=jobs,
                include_group=include_group,
                drop=names(drop, table.columns),
                max_rows=max_rows,
                progress=progress,
                policy=rules,
                ledger=False,
            )
        return _deliver(result, rules, book, out=out, json=json, fail_on=fail_on)


def _model(path: str | None, name: str | None, *, trust: bool) -> Any:
    if path is None:
        return name or "logistic"
    from aequo.models.files import load_model

    return load_model(path, trusted=trust)


def _remedies(given: list[str] | None) -> list[str]:
    return [part.strip() for text in given or () for part in text.split(",") if part.strip()]


@contextlib.contextmanager
def _recording(rules: Policy, ledger: str | None, key: str | None) -> Iterator[Any]:
    """Give the ledger to record in, if one is named: one that cannot be opened is told before the work."""
    from aequo.cli.ledger_options import URL_VARIABLE, open_ledger, place

    if ledger is None and rules.ledger.url is None and not os.environ.get(URL_VARIABLE):
        if key is not None:
            raise InputError("--key names a ledger's key, and no ledger is named: give --ledger too.")
        yield None
        return
    with open_ledger(place(ledger, key, policy=rules), key=True) as book:
        yield book


def _deliver(result: Mitigation, rules: Policy, book: Any, *, out: str | None, json: bool, fail_on: On) -> int:
    """Write the files, record, print, and return the exit code; what could not be written is told last."""
    saved = receipt = None
    failure: AequoError | None = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if out is not None:
            try:
                saved = result.save(out)
            except OutputError as error:  # the work of minutes is printed all the same
                failure = error
    if book is not None and failure is None:
        from aequo.flows.mitigate import record_mitigation

        try:
            receipt = record_mitigation(book, result, rules)
        except LedgerError as error:
            failure = error
    if json:
        print_json(result.to_json())
    else:
        from aequo.report.mitigation_terminal import show

        print_result(lambda stdout: show(result, file=stdout))
    if saved is not None:
        say(f"Report: {saved / 'mitigation.html'}")
        models = [p.name for p in (saved / "model.skops", saved / "model.joblib") if p.exists()]
        if models and result.best_estimator is not None:
            say(f"Estimator: {saved / models[0]}")
    for warning in caught:
        if warning.category is UserWarning:
            say(f"Note: {warning.message}")
    if receipt is not None:
        where = f"entry {receipt.index:,}" if receipt.index is not None else f"leaf {receipt.leaf.hex()[:16]}"
        say(f"Recorded: {where} of the ledger {book.origin}.")
    if failure is not None:
        raise failure
    code = _CODES[result.verdict.value]
    return 0 if fail_on == "never" or (fail_on == "fail" and code == 3) else code
