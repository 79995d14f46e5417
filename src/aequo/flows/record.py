"""An assessment on the record: which ledger a policy names, and what is written to it. Digests and counts, no rows."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal

from aequo.core.finding import Status
from aequo.core.policy import Policy
from aequo.errors import LedgerError
from aequo.report.result import Assessment

if TYPE_CHECKING:
    from aequo.ledger import Ledger, Receipt

__all__ = ["KEY_VARIABLE", "assessment_event", "configured_ledger", "ledger_key", "record_assessment", "result_digest"]

KEY_VARIABLE = "AEQUO_KEY"
"""Variable of the environment that holds the master key where no other place is named."""


def ledger_key(policy: Policy, key: str | None = None) -> str | None:
    """Return where the master key is: what is given, else what the policy says, else the environment's variable.

    Parameters
    ----------
    policy : Policy
        Its ``[ledger]`` may name a key.
    key : str, optional
        Goes before it.
    """
    if key is not None:
        return key
    if policy.ledger.key is not None:
        return policy.ledger.key
    return f"env:{KEY_VARIABLE}" if os.environ.get(KEY_VARIABLE) else None


@contextlib.contextmanager
def configured_ledger(policy: Policy, ledger: Ledger | Literal[False] | None) -> Iterator[Ledger | None]:
    """Give the ledger to write to: the one given, else the one that the policy names, else none.

    Parameters
    ----------
    policy : Policy
        Its ``[ledger]`` may name one, which is opened here and closed afterwards.
    ledger : Ledger, False or None
        An open one; False for none whatever the policy says.

    Raises
    ------
    LedgerError
        If the one that the policy names is not there or cannot be opened.
    """
    if ledger is not None or policy.ledger.url is None:
        yield ledger or None
        return
    from aequo.ledger import Ledger as Book

    with Book.open(policy.ledger.url, key=ledger_key(policy), create=False, inputs=policy.ledger.inputs) as opened:
        yield opened


def result_digest(assessment: Assessment) -> str:
    """Return ``sha256:...`` of the bytes of ``findings.json``, which are those that ``--json`` prints.

    Parameters
    ----------
    assessment : Assessment
        The result.
    """
    return "sha256:" + sha256((assessment.to_json() + "\n").encode("utf-8", "backslashreplace")).hexdigest()


def assessment_event(assessment: Assessment) -> dict[str, Any]:
    """Return what the ledger holds of an assessment: digests of data, policy and result, the verdict, and counts.

    Parameters
    ----------
    assessment : Assessment
        The result.

    Returns
    -------
    dict
        ``kind``, ``system``, ``verdict``, ``findings`` (number by status), ``data`` (rows, and digests of the published
        counts and of the files), ``policy`` and ``result`` (digests), ``aequo`` (version).
    """
    a = assessment
    by_status = {status.value: sum(f.status is status for f in a.findings) for status in Status}
    return {
        "kind": "assessment",
        "system": a.policy.system.name,
        "verdict": a.verdict.value,
        "findings": {status: n for status, n in by_status.items() if n},
        "data": {"rows": a.data.rows, "counts": a.data.digest, "files": sorted(a.data.files.values())},
        "policy": a.policy.digest(),
        "result": result_digest(a),
        "aequo": a.version,
    }


def record_assessment(ledger: Ledger, assessment: Assessment) -> Receipt:
    """Append an assessment to a ledger.

    Parameters
    ----------
    ledger : Ledger
        Without its key, the entry is not signed until someone with the key appends or signs.
    assessment : Assessment
        The result.

    Raises
    ------
    LedgerError
        If it could not be recorded.
    """
    try:
        return ledger.append(assessment_event(assessment))
    except LedgerError as error:
        raise type(error)(f"the assessment is not in the ledger: {error}") from error
