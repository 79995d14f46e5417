"""``python -m aequo`` is the command ``aequo``."""

from __future__ import annotations

import sys

from aequo.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
