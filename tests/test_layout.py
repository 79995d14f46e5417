"""The house keeps its shape: public names, light imports, downward imports, one version."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import aequo

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "aequo"
MODULES = sorted(
    m.name for m in pkgutil.walk_packages([str(SOURCE)], prefix="aequo.") if not m.name.endswith("__main__")
)
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

# What `import aequo` and `aequo --help` must not pay for.
HEAVY = {
    "aif360",
    "duckdb",
    "fairlearn",
    "narwhals",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "pyspark",
    "scipy",
    "sklearn",
}


def _loaded_by(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after `code`."""
    script = f"import sys\n{code}\nprint(__import__('json').dumps(sorted({{m.split('.')[0] for m in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_import_aequo_loads_nothing_heavy() -> None:
    assert not _loaded_by("import aequo") & (HEAVY | {"jinja2", "msgspec", "rich", "typer"})


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import contextlib, io\nfrom aequo.cli.main import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n    main(['--help'])"
    )
    assert not _loaded_by(code) & (HEAVY | {"jinja2"})


def test_the_pytest_plug_in_loads_nothing_heavy() -> None:
    # It is imported by every pytest run of everyone who has aequo installed.
    assert not _loaded_by("import aequo.testing") & (HEAVY | {"jinja2", "rich", "typer"})


def test_every_public_name_of_aequo_exists_and_is_listed() -> None:
    assert sorted(aequo.__all__) == aequo.__dir__()
    for name in aequo.__all__:
        assert getattr(aequo, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = aequo.nonsense


def test_type_checkers_see_the_names_that_load_lazily() -> None:
    tree = ast.parse((SOURCE / "__init__.py").read_text(encoding="utf-8"))
    guard = next(n for n in tree.body if isinstance(n, ast.If) and getattr(n.test, "id", "") == "TYPE_CHECKING")
    seen = {a.name: n.module for n in guard.body if isinstance(n, ast.ImportFrom) for a in n.names}
    for name, home in seen.items():
        assert getattr(aequo, name) is getattr(importlib.import_module(str(home)), name)
    assert set(seen) | {"__version__"} == set(aequo.__all__)


def _defined(module: ModuleType) -> set[str]:
    """Public functions and classes that a module's own text defines."""
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {n.name for n in tree.body if isinstance(n, kinds) and not n.name.startswith("_")}


@pytest.mark.parametrize("name", MODULES)
def test_all_lists_what_a_module_offers(name: str) -> None:
    module = importlib.import_module(name)
    listed = list(getattr(module, "__all__", ()))
    assert len(listed) == len(set(listed))
    for public in listed:
        assert hasattr(module, public), f"{name}.__all__ names {public}, which is not there"
    # pytest finds hooks and fixtures by name; nobody imports them.
    unlisted = {n for n in _defined(module) - set(listed) if not n.startswith("pytest_")}
    assert not unlisted, f"{name} defines {sorted(unlisted)} without listing them in __all__"


@pytest.mark.parametrize("name", ["aequo", *MODULES])
def test_every_module_says_what_it_is(name: str) -> None:
    assert (importlib.import_module(name).__doc__ or "").strip()


def test_imports_point_down_only() -> None:
    pytest.importorskip("importlinter", reason="import-linter is in the extra dev")
    command = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([str(command), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_version_is_written_once() -> None:
    assert CONFIG["project"]["dynamic"] == ["version"]
    assert f"## [{aequo.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
