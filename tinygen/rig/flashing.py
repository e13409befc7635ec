"""Firmware onto a place's board: the exporter's OpenOCD, or an emulated board's probe."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tinygen.errors import DeviceError
from tinygen.rig import environment
from tinygen.rig.remote_emulator import RemoteEmulator

if TYPE_CHECKING:
    from tinygen.built import Built
    from tinygen.progress import Progress
    from tinygen.rig.coordinator import Coordinator
    from tinygen.rig.place import Place

FLASH_SECONDS = 180.0


def flash(
    coordinator: Coordinator,
    place: Place,
    firmware: Built,
    progress: Progress,
    timeout: float = FLASH_SECONDS,
) -> None:
    """Put firmware onto the board of a place that ``coordinator`` holds.

    labgrid copies the image to the exporter over ssh and runs OpenOCD there; the command is told.
    Raises DeviceError when the place has no probe, or flashing fails or takes over ``timeout``
    seconds.
    """
    if place.probe is not None:
        progress.step(f"restarting the emulated board of {place.name}")
        with RemoteEmulator(place.console, place.probe) as emulator:
            emulator.program(firmware.elf)
        return
    if not place.has_debugger:
        raise DeviceError(
            f"place {place.name} has no USBDebugger to flash with; add one to its exporter, as "
            "`tinygen rig exporter` writes it"
        )
    with tempfile.TemporaryDirectory(prefix="tinygen-rig-") as folder:
        config = Path(folder) / "environment.yaml"
        config.write_text(environment.of_place(place.name, firmware.board), encoding="utf-8")
        _bootstrap(coordinator, place, config, firmware.elf, progress, timeout)


def _bootstrap(
    coordinator: Coordinator,
    place: Place,
    config: Path,
    image: Path,
    progress: Progress,
    timeout: float,
) -> None:
    command = [str(coordinator.labgrid.client), "-x", coordinator.address, "-c", str(config)]
    command += ["-p", place.name, "bootstrap", str(image.resolve())]
    progress.step(shlex.join(command))
    # The place is ours under this name only.
    ours = {"LG_USERNAME": coordinator.user, "LG_HOSTNAME": coordinator.host}
    try:
        done = subprocess.run(
            command,
            env=os.environ | ours,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DeviceError(
            f"flashing {place.name} took more than {timeout:g} s; see that its probe answers, and "
            "that ssh to the exporter asks for no password"
        ) from None
    if done.returncode:
        said = "; ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
        raise DeviceError(
            f"flashing {place.name} failed with code {done.returncode} ({said or 'no output'}); "
            "see that the exporter has openocd, and that ssh to it asks for no password"
        )
