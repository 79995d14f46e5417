"""A trained model as a file: skops, which holds no code, or joblib, which does and says so."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import secrets
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aequo.errors import InputError, OutputError, Refused, UnreadableData, need

__all__ = ["OURS", "load_model", "save_model"]

OURS = (
    "aequo.fairness.mitigate.adapters.DecorrelatedClassifier",
    "aequo.fairness.mitigate.cells.CellWeights",
    "aequo.fairness.mitigate.hull.Rule",
    "aequo.fairness.mitigate.outcome.GroupRule",
    "aequo.fairness.mitigate.outcome.Rate",
    "aequo.fairness.mitigate.outcome.ThresholdResult",
    "aequo.fairness.mitigate.remedied.RemediedClassifier",
    "aequo.fairness.mitigate.reweigher.ReweighedClassifier",
    "aequo.fairness.mitigate.reweigher.Reweigher",
    "aequo.fairness.mitigate.thresholds.FairThresholdOptimizer",
    "aequo.models.encoder.TableEncoder",
    "numpy.dtype",
)
"""Types that a skops file may hold beside those that skops trusts itself: they run nothing when they are made."""

_PICKLES = (".joblib", ".pkl", ".pickle")
_SHOWN = 5


def save_model(model: Any, path: str | Path) -> Path:
    """Write a model to a file, whole or not at all.

    Parameters
    ----------
    model : object
        A fitted estimator or pipeline.
    path : str or Path
        Ends in ``.skops`` or ``.joblib``. Without an ending it becomes ``.skops`` where skops can hold the model, and
        ``.joblib`` otherwise (torch modules, functions). A file that is there is replaced.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If the ending is another, or skops cannot hold the model and the path ends in ``.skops``.
    OutputError
        If it cannot be written.
    MissingExtra
        If skops is not installed (extra ``ml``).

    Warns
    -----
    UserWarning
        If it becomes a joblib file: whoever loads one runs whatever it says.

    Examples
    --------
    >>> import tempfile
    >>> from aequo.models.pipeline import table_pipeline
    >>> model = table_pipeline("logistic").fit({"age": [20, 40]}, [0, 1])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_model(model, Path(folder) / "model")
    ...     path.name, load_model(path).predict({"age": [50]}).tolist()
    ('model.skops', [1])
    """
    target = Path(path)
    if target.suffix == ".skops":
        _write(target, _skops(model))
        return target
    if target.suffix == ".joblib":
        return _joblib(model, target)
    if target.suffix:
        raise InputError(f"the model's file is {target.name!r}, expected a name that ends in .skops or .joblib.")
    try:
        raw = _skops(model)
    except InputError:
        return _joblib(model, target.with_name(f"{target.name}.joblib"))
    target = target.with_name(f"{target.name}.skops")
    _write(target, raw)
    return target


def load_model(path: str | Path, *, trusted: bool | Sequence[str] = False) -> Any:
    """Read a model that `save_model`, skops or joblib wrote.

    Parameters
    ----------
    path : str or Path
        A ``.skops``, ``.joblib``, ``.pkl`` or ``.pickle`` file.
    trusted : bool or sequence of str
        Of a skops file the names of types that may be in it, beside scikit-learn's, numpy's and our own; True for any.
        A joblib or pickle file is code, and needs True.

    Raises
    ------
    Refused
        If the file holds what is not trusted; the message lists the types.
    UnreadableData
        If there is no such file, or it is not what its name says.
    MissingExtra
        If skops or joblib is not installed (extra ``ml``).
    """
    source = Path(path)
    try:
        raw = source.read_bytes()
    except (OSError, ValueError) as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else _reason(error)
        raise UnreadableData(f"the model {str(path)!r} cannot be read: {reason}.") from None
    if source.suffix in _PICKLES:
        return _unpickled(source, raw, trusted=trusted)
    if source.suffix != ".skops":
        raise InputError(f"the model's file is {source.name!r}, expected one that ends in .skops, .joblib or .pkl.")
    sio = need("skops.io", "ml")
    try:
        unknown = [t for t in sio.get_untrusted_types(data=raw) if t not in OURS]
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError, ImportError) as error:
        raise UnreadableData(f"{source.name!r} is no skops file, or a damaged one ({type(error).__name__}).") from None
    refused = [] if trusted is True else [t for t in unknown if trusted is False or t not in trusted]
    if refused:
        more = f" and {len(refused) - _SHOWN} more" if len(refused) > _SHOWN else ""
        raise Refused(
            f"{source.name!r} holds {', '.join(refused[:_SHOWN])}{more}, with which a stranger's file can do harm; if "
            "you trust who made it, name the types: trusted=[...] or trusted=True (--trust)."
        )
    try:
        return sio.loads(raw, trusted=sio.get_untrusted_types(data=raw))
    except Exception as error:  # noqa: BLE001 - whatever a damaged file does to whichever class it names
        raise UnreadableData(f"{source.name!r} cannot be loaded ({type(error).__name__}); save it again.") from None


def _skops(model: Any) -> bytes:
    sio = need("skops.io", "ml")
    try:
        raw: bytes = sio.dumps(model)
        sio.loads(raw, trusted=sio.get_untrusted_types(data=raw))  # what cannot be read back is told now, not then
    except Exception as error:  # noqa: BLE001 - each kind of content fails in a way of its own
        kind = type(model).__name__
        raise InputError(
            f"skops cannot hold this {kind} ({type(error).__name__}); save it to a name that ends in .joblib."
        ) from None
    return raw


def _joblib(model: Any, target: Path) -> Path:
    joblib = need("joblib", "ml")
    buffer = io.BytesIO()
    try:
        joblib.dump(model, buffer)
    except Exception as error:  # noqa: BLE001 - pickling fails in as many ways as there are classes
        kind = type(model).__name__
        raise InputError(f"this {kind} cannot be pickled ({type(error).__name__}), so it cannot be saved.") from None
    _write(target, buffer.getvalue())
    warnings.warn(
        f"{target.name} is a joblib file: loading one runs whatever code is in it, so load only those that you trust.",
        UserWarning,
        stacklevel=3,
    )
    return target


def _unpickled(source: Path, raw: bytes, *, trusted: bool | Sequence[str]) -> Any:
    if trusted is not True:
        raise Refused(
            f"{source.name!r} is a {'joblib' if source.suffix == '.joblib' else 'pickle'} file, and loading one runs "
            "whatever code is in it; if you trust who made it, say so: trusted=True (--trust)."
        )
    joblib = need("joblib", "ml")
    try:
        return joblib.load(io.BytesIO(raw))
    except Exception as error:  # noqa: BLE001 - a pickle may do anything
        raise UnreadableData(f"{source.name!r} cannot be loaded ({type(error).__name__}); save it again.") from None


_REASONS: dict[int, str] = {
    errno.ENOSPC: "there is no space left on the device",
    errno.EACCES: "permission was denied",
    errno.EISDIR: "that is a directory",
    errno.ENOENT: "there is no such directory",
}


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, OSError) and error.errno is not None:
        return _REASONS.get(error.errno) or (error.strerror or "the system gave no reason").lower()
    return str(error)


def _write(target: Path, raw: bytes) -> None:
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except (OSError, ValueError) as error:
        raise OutputError(f"the model cannot be written to {str(target)!r}: {_reason(error)}.") from None
    finally:  # also after Ctrl-C
        with contextlib.suppress(OSError, ValueError):
            temporary.unlink(missing_ok=True)
