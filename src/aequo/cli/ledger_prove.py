"""``aequo ledger checkpoint``, ``prove``, ``verify`` and ``export``."""

from __future__ import annotations

import importlib.resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from aequo.cli.console import print_json, print_result, say, waiting
from aequo.cli.files import read_text, write_text
from aequo.cli.ledger_options import (
    CheckpointOption,
    KeyOption,
    KindOption,
    LedgerOption,
    ModelOption,
    OperatorOption,
    OutcomeOption,
    SubjectOption,
    VerdictOption,
    VkeyOption,
    open_ledger,
    place,
    public_key,
    wanted,
)
from aequo.errors import InputError, Tampered

if TYPE_CHECKING:
    from aequo.ledger import ConsistencyProof, InclusionProof, Ledger, Verification

__all__ = ["checkpoint", "export", "prove", "verify"]


def checkpoint(
    out: Annotated[str | None, typer.Option(metavar="FILE", help="Write it there instead of to stdout.")] = None,
    ledger: LedgerOption = None,
    key: KeyOption = None,
) -> int:
    """Sign the ledger as it stands: its name, how many entries it has, and the root of their tree.

    \b
    Example:
      aequo ledger checkpoint --out 2026-01-31.checkpoint

    Keep checkpoints where the ledger's operator cannot change them: only with one of those does a ledger that was cut
    or set back show. Exit codes: 0 signed, 2 wrong usage or no key.
    """  # noqa: D301 - \b keeps the lines of an example apart
    with open_ledger(place(ledger, key), key=True) as book:
        note = book.checkpoint()
    if out is None:
        print_result(lambda stdout: stdout.write(note))
    else:
        write_text(out, note)
        say(f"Wrote {out}: keep it where nobody who can change the ledger can change it.")
    return 0


def prove(
    index: Annotated[int | None, typer.Argument(metavar="[INDEX]", help="Prove that this entry is in it.")] = None,
    consistency: Annotated[
        str | None,
        typer.Option(metavar="OLD", help="Prove that it only grew since: a number of entries, or a checkpoint's file."),
    ] = None,
    size: Annotated[int | None, typer.Option(metavar="N", help="For the tree of N entries; all by default.")] = None,
    ledger: LedgerOption = None,
    key: KeyOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print the proof as JSON.")] = False,
) -> int:
    """Prove that an entry is in the ledger, or that the ledger only grew.

    \b
    Examples:
      aequo ledger prove 7 --json
      aequo ledger prove --consistency 2026-01-31.checkpoint

    The proof has RFC 6962's form; with the key it carries a fresh checkpoint, else the newest that was signed.
    Exit codes: 0 proved, 1 the ledger cannot prove it, 2 wrong usage or no such entry.
    """  # noqa: D301 - \b keeps the lines of an example apart
    if (index is None) == (consistency is None):
        raise InputError("expected one of INDEX and --consistency OLD.")
    with open_ledger(place(ledger, key), key=True) as book:
        try:
            if index is not None:
                _prove_entry(book, index, size, json=json)
            else:
                _prove_growth(book, str(consistency), size, json=json)
        except Tampered as error:
            say(f"aequo: {error}")
            return 1
    return 0


def _prove_entry(book: Ledger, index: int, size: int | None, *, json: bool) -> None:
    from aequo.ledger.tree import check_inclusion, leaf_hash

    proof = book.prove(index, size=size)
    leaf = leaf_hash(proof.body)
    if not check_inclusion(index, proof.size, leaf, proof.path, proof.root):
        raise Tampered(f"entry {index} does not lead to the root: it was changed. `aequo ledger verify` says more.")
    _print_proof(proof, f"entry {index} is in the tree of {proof.size} entries", json=json)


def _prove_growth(book: Ledger, old: str, size: int | None, *, json: bool) -> None:
    from aequo.ledger import Checkpoint, open_note

    point = None
    if not old.isdecimal():
        point = Checkpoint.from_text(open_note(read_text(old, "checkpoint"), book.vkey))
    proof = book.prove_consistency(int(old) if point is None else point.size, size=size)
    if not proof.holds() or (point is not None and point.root != proof.old_root):
        raise Tampered(
            f"the ledger does not continue the one of {proof.old} entries: it was changed. `aequo ledger verify` says "
            "more."
        )
    _print_proof(proof, f"the tree of {proof.size} entries continues that of {proof.old}", json=json)


def _print_proof(proof: InclusionProof | ConsistencyProof, what: str, *, json: bool) -> None:
    plain = proof.to_dict()
    if json:
        import msgspec

        print_json(msgspec.json.format(msgspec.json.encode(plain), indent=2).decode())
        return

    def write(stdout: TextIO) -> None:
        stdout.write(f"{what}\n")
        for name in ("leaf", "old_root", "root"):
            if name in plain:
                stdout.write(f"{name:9} {plain[name]}\n")
        stdout.writelines(f"{'path' if i == 0 else '':9} {node}\n" for i, node in enumerate(plain["path"]))
        stdout.write(f"\n{plain['checkpoint']}" if plain["checkpoint"] else "")

    print_result(write)


def verify(
    checkpoint: CheckpointOption = None,
    vkey: VkeyOption = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="A checkpoint up to which all is known to be right: read what follows."),
    ] = None,
    ledger: LedgerOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> int:
    """Check every byte against the tree, the tree against every checkpoint, and these against the public key.

    \b
    Examples:
      aequo ledger verify
      aequo ledger verify --checkpoint 2026-01-31.checkpoint --vkey auditor.vkey

    Needs no key. Exit codes: 0 as recorded, 1 not as recorded (it says which entry), 2 wrong usage or no ledger.
    """  # noqa: D301 - \b keeps the lines of an example apart
    outside = None if checkpoint is None else read_text(checkpoint, "checkpoint")
    trusted = None if vkey is None else public_key(vkey)
    before = None if since is None else read_text(since, "checkpoint")
    at = place(ledger, None)
    try:
        with open_ledger(at, key=False) as book, waiting("Verifying"):
            found = book.verify(outside, vkey=trusted, since=before)
    except Tampered as error:  # so damaged that it does not open as a ledger
        found = _damaged(str(error))
    if json:
        import msgspec

        print_json(msgspec.json.format(msgspec.json.encode(found.to_dict()), indent=2).decode())
    else:
        print_result(lambda stdout: stdout.write(_findings(found)))
    if found.ok and trusted is None:
        say("Held against the public key in the ledger itself; --vkey holds it against the one you kept.")
    if found.ok and outside is None:
        say(
            "Entries cut off the end, with their checkpoints, would not show: --checkpoint FILE takes one kept "
            "elsewhere."
        )
    return 0 if found.ok else 1


def _damaged(what: str) -> Verification:
    from aequo.ledger import Problem, Verification

    return Verification(
        ok=False,
        origin="",
        size=0,
        root="",
        start=0,
        problems=(Problem(entry=None, what=what),),
        checkpoints=0,
        signed=0,
        witnessed=0,
    )


def _findings(found: Verification) -> str:
    from aequo.report.words import plain

    lines = [plain(found.sentence())]
    if len(found.problems) > 1:
        lines += [f"- {plain(problem.what)}" for problem in found.problems]
    return "\n".join(lines) + "\n"


def export(
    bundle: Annotated[str, typer.Argument(metavar="BUNDLE", help="The file to write; replaced if it is there.")],
    start: Annotated[int | None, typer.Option(metavar="INDEX", min=0, help="From this entry.")] = None,
    stop: Annotated[int | None, typer.Option(metavar="INDEX", min=0, help="Up to, not including, this one.")] = None,
    kind: KindOption = None,
    model_version: ModelOption = None,
    operator: OperatorOption = None,
    outcome: OutcomeOption = None,
    verdict: VerdictOption = None,
    subject: SubjectOption = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="A checkpoint that the reader has: prove that the ledger only grew since."),
    ] = None,
    verifier: Annotated[
        bool, typer.Option("--verifier", help="Put verify.py beside it, which checks it without aequo.")
    ] = False,
    ledger: LedgerOption = None,
    key: KeyOption = None,
) -> int:
    """Write entries and what proves them to one file, which others check without aequo and without the ledger.

    \b
    Examples:
      aequo ledger export january.bundle --start 100 --stop 200 --verifier
      aequo ledger export all.bundle --since 2025-12-31.checkpoint

    What is sealed stays sealed. Exit codes: 0 written, 2 wrong usage, no key, or no entry fits.
    """  # noqa: D301 - \b keeps the lines of an example apart
    from aequo.flows.lookup import find_entries
    from aequo.ledger import write_bundle

    asked = wanted(kind, model_version, operator, outcome, verdict)
    earlier = None if since is None else read_text(since, "checkpoint")
    program = _verifier() if verifier else None
    with open_ledger(place(ledger, key), key=True) as book, waiting("Writing the bundle"):
        some = not asked.anything or any(v is not None for v in (start, stop, subject))
        indices = None
        if some:
            found = find_entries(book, asked, start=start or 0, stop=stop, subject=subject)
            indices = [entry.index for entry in found]
            if not indices:
                raise InputError("no entry fits: there is nothing to export.")
        count = write_bundle(book, bundle, indices, since=earlier)
        vkey = book.vkey
    if program is not None:
        write_text(str(Path(bundle).with_name("verify.py")), program, replace=True)
    say(
        f"Wrote {bundle}: {count:,} entr{'y' if count == 1 else 'ies'}. To check it: python verify.py {bundle} '{vkey}'"
    )
    return 0


def _verifier() -> str:
    return importlib.resources.files("aequo.ledger").joinpath("verify.py").read_text(encoding="utf-8")
