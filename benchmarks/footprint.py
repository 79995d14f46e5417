"""What aequo costs before it does anything: import time, start time, installed size.

python benchmarks/footprint.py

Installs the base package (no extras) into a fresh environment, and measures there, in CPU seconds (the best of seven
fresh processes, the interpreter's own start included), `import aequo` and `aequo --help`, and the size of the packages'
files, pip's own left out; bytecode, a cache that pip may or may not write, is shown apart. Then runs a real assessment,
since an optional package that became necessary shows only there.

Exits with 1 if the size is over its target or the assessment does not run; times are printed, not judged.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGETS = {"import aequo": 0.15, "aequo --help": 0.4, "installed": 160.0}
NOT_OURS = ("pip", "setuptools", "pkg_resources", "_distutils_hack", "distutils-precedence.pth")


def cpu_seconds(command: list[str], *, times: int = 7) -> float:
    """Return the least user and system time of `times` runs; the first also compiles, and is left out."""
    best = float("inf")
    for attempt in range(times + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if attempt:
            best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return best


def megabytes(folder: Path, *, compiled: bool) -> float:
    """Return the size of a folder of packages in units of 1e6 bytes, without pip's own; `compiled` adds bytecode."""
    files = (f for entry in folder.iterdir() if not entry.name.startswith(NOT_OURS) for f in [entry, *entry.rglob("*")])
    return sum(f.lstat().st_size for f in files if f.is_file() and (compiled or f.suffix != ".pyc")) / 1e6


def install(folder: Path) -> Path:
    """Make an environment with the base package and return its Python."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    command = [str(python), "-m", "pip", "install", "--no-input", str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"the installation failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return python


def assesses(python: Path, folder: Path) -> bool:
    """Tell whether a CSV is assessed and reported with nothing but the base package."""
    data = folder / "decisions.csv"
    data.write_text("hired,sex\n" + "yes,f\nno,f\nyes,m\nno,m\n" * 1000, encoding="utf-8")
    command = [python, "-m", "aequo", "assess", data, "--label", "hired", "--favourable", "yes", "--group", "sex"]
    done = subprocess.run(
        [*map(str, command), "--out", str(folder / "report")], capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(done.stdout, done.stderr)
    return done.returncode == 0 and (folder / "report" / "report.html").is_file()


def main() -> int:
    """Print each measure with its ratio to the target."""
    for name in ("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE"):
        os.environ.pop(name, None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = install(folder / "venv")
        packages = next((folder / "venv" / "lib").glob("python*/site-packages"))
        size, with_bytecode = megabytes(packages, compiled=False), megabytes(packages, compiled=True)
        measured = {
            "import aequo": cpu_seconds([str(python), "-c", "import aequo"]),
            "aequo --help": cpu_seconds([str(python), "-m", "aequo", "--help"]),
            "installed": size,
        }
        works = assesses(python, folder)
    for what, value in measured.items():
        unit = "MB" if what == "installed" else "CPU s"
        target = TARGETS[what]
        print(f"{what:14} {value:7.3g} {unit:5}   {value / target:.2f} of the target of {target:g}")
    print(f"               {with_bytecode:7.3g} MB      with the bytecode that pip adds unless told --no-compile")
    print(f"base package   {'assesses a file and writes its report' if works else 'DOES NOT WORK without extras'}")
    return 0 if works and size <= TARGETS["installed"] else 1


if __name__ == "__main__":
    sys.exit(main())
