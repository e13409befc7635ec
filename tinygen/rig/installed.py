"""Where labgrid is installed: in an interpreter of its own, as its pyserial is not ours."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from tinygen.errors import ToolchainError

VARIABLE = "TINYGEN_LABGRID"
_HOW = (
    "install it into an environment of its own (python -m venv ~/labgrid && "
    "~/labgrid/bin/pip install labgrid) and set TINYGEN_LABGRID=~/labgrid"
)


@dataclass(frozen=True)
class Labgrid:
    """The programs of one environment that labgrid is installed in."""

    programs: Path

    @property
    def python(self) -> Path:
        """The interpreter that can import labgrid."""
        return self.programs / "python"

    @property
    def client(self) -> Path:
        """The command line of labgrid."""
        return self.programs / "labgrid-client"


def find(folder: Path | None = None) -> Labgrid:
    """The labgrid of an environment that is named, or that TINYGEN_LABGRID names, or on PATH.

    Raises ToolchainError, which says how to install it, when it is not there.
    """
    named = folder or os.environ.get(VARIABLE)
    if named:
        where = Path(named).expanduser()
        found = Labgrid(where / "bin")
        if not (found.client.is_file() and found.python.exists()):
            raise ToolchainError(f"{where} is no environment with labgrid; {_HOW}")
        return found
    on_path = shutil.which("labgrid-client")
    if on_path is None:
        raise ToolchainError(f"labgrid was not found on PATH; {_HOW}")
    # pipx and others put links on PATH; the interpreter is beside what they point to.
    found = Labgrid(Path(on_path).resolve().parent)
    if not found.python.exists():
        raise ToolchainError(f"{on_path} has no interpreter beside it; {_HOW}")
    return found
