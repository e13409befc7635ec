"""Run PlatformIO without its registry: nothing here needs, or uses, a network.

PlatformIO keeps its packages and settings in a core folder. Each project gets its own, with the one
package PlatformIO insists on, tool-scons, standing for the SCons that pip installed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from tinygen.errors import ToolchainError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

CORE_DIR = ".platformio"

_SETTINGS = {
    "check_platformio_interval": 36500,  # days
    "check_prune_system_threshold": 0,
    "disable_udev_rules_check": True,
    "enable_telemetry": False,
}
_SCONS = '''\
"""Stands for PlatformIO's package of SCons: runs the one that pip installed."""

import sys

try:
    import SCons.Script
except ImportError:
    sys.exit(f"SCons is missing; install it with: {sys.executable} -m pip install scons")

sys.exit(SCons.Script.main())
'''


def prepare(project: Path) -> None:
    """Give a project a core folder with which PlatformIO needs no registry.

    Raises ToolchainError when PlatformIO is missing, or asks for something unknown.
    """
    core = project / CORE_DIR
    package = core / "packages" / "tool-scons"
    package.mkdir(parents=True, exist_ok=True)
    (package / "scons.py").write_text(_SCONS)
    (package / ".piopm").write_text(
        json.dumps(
            {
                "type": "tool",
                "name": "tool-scons",
                "version": _scons_version(),
                "spec": {
                    "owner": "platformio",
                    "id": None,
                    "name": "tool-scons",
                    "requirements": None,
                    "uri": None,
                },
            }
        )
    )
    (core / "appstate.json").write_text(json.dumps({"settings": _SETTINGS}))


def _scons_version() -> str:
    """A version of tool-scons that the installed PlatformIO is content with."""
    try:
        from platformio.dependencies import get_core_dependencies
    except ImportError:
        raise ToolchainError(
            "PlatformIO is not installed for this Python; install it with: "
            f"{sys.executable} -m pip install platformio"
        ) from None
    return str(get_core_dependencies()["tool-scons"]).lstrip("~^=")


def environment(project: Path) -> dict[str, str]:
    """The environment for PlatformIO in this project, whatever the person's own set-up is."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PLATFORMIO_")}
    settings = {f"PLATFORMIO_SETTING_{key.upper()}": str(v) for key, v in _SETTINGS.items()}
    return (
        own
        | settings
        | {
            "PLATFORMIO_CORE_DIR": str(project / CORE_DIR),
            "PLATFORMIO_DISABLE_UPGRADE_CHECK": "true",
            "PLATFORMIO_NO_ANSI": "true",
        }
    )


def command(*arguments: str) -> tuple[str, ...]:
    """PlatformIO of the running interpreter."""
    return (sys.executable, "-m", "platformio", *arguments)


def run(
    project: Path,
    arguments: Sequence[str] = (),
    *,
    extra: Mapping[str, str] | None = None,
    to_terminal: bool = False,
    timeout: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """``pio run`` in a project: its return code, and its output unless that goes to the terminal.

    ``extra`` is added to the environment. Raises subprocess.TimeoutExpired, after ending all that
    was started, when it takes more than ``timeout`` seconds.
    """
    with subprocess.Popen(
        command("run", *arguments),
        cwd=project,
        env=environment(project) | dict(extra or {}),
        stdin=subprocess.DEVNULL,
        stdout=None if to_terminal else subprocess.PIPE,
        stderr=None if to_terminal else subprocess.STDOUT,
        text=True,
        # Its own group: what hangs is a flashing tool two processes further down.
        start_new_session=timeout is not None,
    ) as process:
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, output)
