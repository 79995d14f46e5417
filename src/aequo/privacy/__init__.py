"""Privacy: personal data replaced, left out, weighed before release, and erased on request.

The names below load when they are first used. What each is for, by folder: `pseudonyms`, `minimisation`, `releases`,
`erasure`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aequo.privacy.erasure.erase import erase, erase_many
    from aequo.privacy.erasure.export import SubjectExport, export
    from aequo.privacy.erasure.files import FileStore
    from aequo.privacy.erasure.receipt import ErasureReceipt, check_receipt
    from aequo.privacy.erasure.retention import expire, hold, lift_hold
    from aequo.privacy.erasure.sql import SqlStore
    from aequo.privacy.erasure.stores import DataStore, FunctionStore, NotReached
    from aequo.privacy.erasure.vault import VaultStore
    from aequo.privacy.minimisation.minimise import Minimised, minimize
    from aequo.privacy.minimisation.suggest import suggest_minimal
    from aequo.privacy.pseudonyms.fields import Field
    from aequo.privacy.pseudonyms.personal import PersonalColumn, personal_columns
    from aequo.privacy.pseudonyms.pseudonymiser import Pseudonymiser, pseudonymise
    from aequo.privacy.pseudonyms.reidentification import Reidentified, reidentify
    from aequo.privacy.pseudonyms.renewal import Renewer
    from aequo.privacy.pseudonyms.report import Pseudonymised, PseudonymReport
    from aequo.privacy.pseudonyms.vault import Vault
    from aequo.privacy.releases.apply import generalise
    from aequo.privacy.releases.check import check_release
    from aequo.privacy.releases.result import ReleaseCheck
    from aequo.privacy.releases.rules import GeneralisationPlan

_HOMES = {
    "DataStore": "erasure.stores",
    "ErasureReceipt": "erasure.receipt",
    "Field": "pseudonyms.fields",
    "FileStore": "erasure.files",
    "FunctionStore": "erasure.stores",
    "GeneralisationPlan": "releases.rules",
    "Minimised": "minimisation.minimise",
    "NotReached": "erasure.stores",
    "PersonalColumn": "pseudonyms.personal",
    "PseudonymReport": "pseudonyms.report",
    "Pseudonymised": "pseudonyms.report",
    "Pseudonymiser": "pseudonyms.pseudonymiser",
    "Reidentified": "pseudonyms.reidentification",
    "ReleaseCheck": "releases.result",
    "Renewer": "pseudonyms.renewal",
    "SqlStore": "erasure.sql",
    "SubjectExport": "erasure.export",
    "Vault": "pseudonyms.vault",
    "VaultStore": "erasure.vault",
    "check_receipt": "erasure.receipt",
    "check_release": "releases.check",
    "erase": "erasure.erase",
    "erase_many": "erasure.erase",
    "expire": "erasure.retention",
    "export": "erasure.export",
    "generalise": "releases.apply",
    "hold": "erasure.retention",
    "lift_hold": "erasure.retention",
    "minimize": "minimisation.minimise",
    "personal_columns": "pseudonyms.personal",
    "pseudonymise": "pseudonyms.pseudonymiser",
    "reidentify": "pseudonyms.reidentification",
    "suggest_minimal": "minimisation.suggest",
}

__all__ = [
    "DataStore",
    "ErasureReceipt",
    "Field",
    "FileStore",
    "FunctionStore",
    "GeneralisationPlan",
    "Minimised",
    "NotReached",
    "PersonalColumn",
    "PseudonymReport",
    "Pseudonymised",
    "Pseudonymiser",
    "Reidentified",
    "ReleaseCheck",
    "Renewer",
    "SqlStore",
    "SubjectExport",
    "Vault",
    "VaultStore",
    "check_receipt",
    "check_release",
    "erase",
    "erase_many",
    "expire",
    "export",
    "generalise",
    "hold",
    "lift_hold",
    "minimize",
    "personal_columns",
    "pseudonymise",
    "reidentify",
    "suggest_minimal",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"aequo.privacy.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'aequo.privacy' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
