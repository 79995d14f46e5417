"""A trained model's digest: the same for the same trained model, in any process and after any reload."""

from __future__ import annotations

import functools
import struct
import types
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

import numpy as np

from aequo.core.columns import Array
from aequo.errors import InputError
from aequo.models.predicting import Model

__all__ = ["model_digest"]

_SAYS_NOTHING = frozenset(
    {
        *("_sklearn_version", "n_jobs", "nthread", "verbose", "verbosity"),
        *(
            "_random_seed",
            "_feature_subsample_rng",
        ),  # of histogram boosting: drawn anew in each fit, of no use after it
        "_tree",  # of nearest neighbours: counts its calls, and follows from the rows, which are held beside it
    }
)
"""Left out: they change how a model works, not what it answers."""


def model_digest(model: Any) -> str:
    """Return a digest of what a trained model has learned and how it was set up.

    The class, the parameters and the fitted state of an estimator, step by step through pipelines; the model's own
    bytes for xgboost and lightgbm; the layers and the weights of a torch module. How many threads it uses and how much
    it prints do not count.

    The digest of a function is weaker: its compiled code, what it closes over and the globals that it names. The code
    that it calls elsewhere is not in it, and another version of Python compiles to other bytes.

    Parameters
    ----------
    model : object
        A trained model, or a `Model`.

    Returns
    -------
    str
        ``"sha256:"`` and 64 hexadecimal digits.

    Raises
    ------
    InputError
        If the model holds something that has no lasting form, such as an open file.

    Examples
    --------
    >>> model_digest(lambda rows: rows[:, 0]) == model_digest(lambda rows: rows[:, 0])
    True
    >>> model_digest(lambda rows: rows[:, 0]) == model_digest(lambda rows: rows[:, 1])
    False
    """
    return "sha256:" + _Digester().of(model.native if isinstance(model, Model) else model).hex()


class _Digester:
    """Digests of values; one object that is met twice is digested once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, bytes]] = {}  # the object is kept, so that its id stays its own
        self._open: list[int] = []

    def of(self, value: Any) -> bytes:
        simple = _simple(value)
        if simple is not None:
            return sha256(simple).digest()
        if id(value) in self._known:
            return self._known[id(value)][1]
        if id(value) in self._open:  # it holds itself: how far up says which
            return _join("again", [str(len(self._open) - self._open.index(id(value))).encode()])
        self._open.append(id(value))
        try:
            digest = self._compound(value)
        finally:
            self._open.pop()
        self._known[id(value)] = (value, digest)
        return digest

    def _compound(self, value: Any) -> bytes:
        if isinstance(value, np.ndarray):
            return self._array(value)
        if type(value) in (list, tuple):
            return self._sequence(type(value).__name__, value)
        if type(value) is dict:
            return self._mapping("dict", value)
        if type(value) in (set, frozenset):
            return _join("set", sorted(map(self.of, value)))
        special = self._function(value) if callable(value) else None
        return special or _booster(value) or self._library(value) or self._object(value)

    def _sequence(self, kind: str, values: Iterable[Any]) -> bytes:
        return _join(kind, [self.of(v) for v in values])

    def _mapping(self, kind: str, values: Mapping[Any, Any]) -> bytes:
        pairs = [self.of(k) + self.of(v) for k, v in values.items() if k not in _SAYS_NOTHING]
        return _join(kind, sorted(pairs))

    def _array(self, array: Array) -> bytes:
        shape = str(array.shape).encode()
        if array.dtype.names:  # bytes between the fields are whatever was in the memory
            return _join("fields", [shape, *(n.encode() + self.of(np.asarray(array[n])) for n in array.dtype.names)])
        if array.dtype.hasobject:
            return _join("objects", [shape, *(self.of(v) for v in array.reshape(-1).tolist())])
        return _join("array", [array.dtype.str.encode(), shape, np.ascontiguousarray(array).tobytes()])

    # -- code ---------------------------------------------------------------------------------------------------------

    def _function(self, value: Any) -> bytes | None:
        if isinstance(value, types.FunctionType):
            return self._python_function(value)
        if isinstance(value, types.MethodType):
            return _join("method", [self.of(value.__self__), self.of(value.__func__)])
        if isinstance(value, functools.partial):
            return _join("partial", [self.of(value.func), self.of(value.args), self.of(value.keywords)])
        if isinstance(value, (type, types.BuiltinFunctionType, np.ufunc)):
            return _join("name", [_name(value)])
        return None

    def _python_function(self, function: types.FunctionType) -> bytes:
        code = function.__code__
        home = function.__module__.split(".", 1)[0] if function.__module__ else ""
        if home in ("numpy", "scipy", "sklearn", "torch", "xgboost", "lightgbm", "pandas", "polars"):
            return _join("name", [_name(function)])
        cells = [self._cell(cell) for cell in function.__closure__ or ()]
        named = {n: function.__globals__[n] for n in sorted(_names(code)) if n in function.__globals__}
        data = {n: v for n, v in named.items() if not isinstance(v, types.ModuleType)}
        defaults = [self.of(function.__defaults__), self.of(function.__kwdefaults__)]
        return _join("function", [self._code(code), *defaults, self.of(data), *cells])

    def _cell(self, cell: types.CellType) -> bytes:
        try:
            held = cell.cell_contents
        except ValueError:  # nothing in it yet
            return b""
        return self.of(held)

    def _code(self, code: types.CodeType) -> bytes:
        constants = [self._code(c) if isinstance(c, types.CodeType) else self.of(c) for c in code.co_consts]
        return _join("code", [code.co_code, repr((code.co_names, code.co_varnames)).encode(), *constants])

    # -- objects ------------------------------------------------------------------------------------------------------

    def _library(self, value: Any) -> bytes | None:
        kind = type(value)
        home = kind.__module__.split(".", 1)[0]
        if home == "scipy" and hasattr(value, "tocsr"):
            at = value.tocsr().sorted_indices()
            return _join("sparse", [self.of(part) for part in (at.shape, at.data, at.indices, at.indptr)])
        if home == "torch" and hasattr(value, "detach"):
            return _join("tensor", [str(value.dtype).encode(), self.of(_tensor(value))])
        return self._torch(value) if hasattr(value, "state_dict") and hasattr(value, "named_modules") else None

    def _torch(self, module: Any) -> bytes:
        parts = []
        for name, part in module.named_modules():
            kind = type(part)
            own = kind.__module__.split(".", 1)[0] != "torch"
            code = self.of(kind.forward) if own and isinstance(kind.forward, types.FunctionType) else b""
            parts.append(_join("layer", [name.encode(), _name(kind), part.extra_repr().encode(), code]))
        state = [name.encode() + self.of(tensor) for name, tensor in module.state_dict().items()]
        return _join("torch", [*parts, *state])

    def _object(self, value: Any) -> bytes:
        kind = type(value)
        call = kind.__dict__.get("__call__")
        code = self.of(call) if isinstance(call, types.FunctionType) else b""
        try:
            made = value.__reduce_ex__(4)
        except (TypeError, ValueError, RuntimeError, AttributeError, NotImplementedError):
            raise InputError(
                f"the model holds a {kind.__name__}, which has no lasting form, so it has no digest."
            ) from None
        if isinstance(made, str):
            return _join("name", [_name(kind), made.encode()])
        if kind.__name__ in (
            "RandomState",
            "Generator",
        ):  # spent in training; its state is not even kept by each format
            return _join("random", [])
        parts = [self.of(part) for part in made[1] if part is not kind]
        state = self.of(_learned(kind, made[2])) if len(made) > 2 else b""
        items = self._sequence("items", made[3]) if len(made) > 3 and made[3] is not None else b""
        pairs = self._mapping("pairs", dict(made[4])) if len(made) > 4 and made[4] is not None else b""
        return _join("object", [_name(kind), code, _join("made", parts), state, items, pairs])


def _simple(value: Any) -> bytes | None:
    """Return the bytes of a value without parts, or None."""
    kind = type(value)
    if value is None or value is Ellipsis:
        return f"{value}".encode()
    if kind in (bool, int, complex):
        return f"{kind.__name__}:{value}".encode()
    if kind is float:
        return b"float:" + struct.pack("<d", value)
    if kind is str:
        return b"str:" + str(value).encode("utf-8", "surrogatepass")
    if kind in (bytes, bytearray):
        return b"bytes:" + bytes(value)
    if isinstance(value, np.generic) and not isinstance(value, np.void):
        scalar: bytes = value.tobytes()
        return b"scalar:" + value.dtype.str.encode() + scalar
    return None


def _learned(kind: type, state: Any) -> Any:
    """Return the state without the seed that histogram boosting draws for choosing its bins, which are in it too."""
    if kind.__name__ == "_BinMapper" and isinstance(state, dict):
        return {k: v for k, v in state.items() if k != "random_state"}
    return state


def _booster(value: Any) -> bytes | None:
    """Digest what has bytes of its own, which are surer than what pickling sees."""
    home = type(value).__module__.split(".", 1)[0]
    if type(value).__name__ != "Booster" or home not in ("xgboost", "lightgbm"):
        return None
    if home == "xgboost":
        return _join("xgboost", [bytes(value.save_raw("ubj"))])
    text: str = value.model_to_string(num_iteration=-1)
    return _join("lightgbm", [text.split("\nparameters:", 1)[0].encode()])


def _tensor(value: Any) -> Array:
    plain = value.detach().cpu()
    return np.asarray((plain.float() if str(plain.dtype) == "torch.bfloat16" else plain).numpy())


def _names(code: types.CodeType) -> set[str]:
    """Return the names that a function looks up, in functions within it too."""
    inner = [_names(c) for c in code.co_consts if isinstance(c, types.CodeType)]
    return set(code.co_names).union(*inner)


def _name(value: Any) -> bytes:
    name = getattr(value, "__qualname__", getattr(value, "__name__", type(value).__qualname__))
    return f"{getattr(value, '__module__', None) or ''}.{name}".encode()


def _join(kind: str | bytes, parts: Iterable[bytes]) -> bytes:
    """Return the digest of some parts, each with its length, so that no two lists of parts run into one."""
    hasher = sha256(kind.encode() if isinstance(kind, str) else kind)
    for part in parts:
        hasher.update(struct.pack("<q", len(part)))
        hasher.update(part)
    return hasher.digest()
