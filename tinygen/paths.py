"""Where templates, boards and firmware lie: beside the package, or inside it in a wheel."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_BUNDLED = _PACKAGE / "_data"
_ROOT = _BUNDLED if _BUNDLED.is_dir() else _PACKAGE.parent

TEMPLATES = _ROOT / "templates"
BOARDS = _ROOT / "boards"
FIRMWARE = _ROOT / "firmware"


def cache_dir() -> Path:
    """Folder for downloaded dependencies and compiled helpers, shared by all projects of a user."""
    base = os.environ.get("TINYGEN_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "tinygen"
    )
    return Path(base)
