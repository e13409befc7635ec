"""A folder that ``tinygen build`` wrote, read back for testing and flashing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinygen import models
from tinygen.boards import load_board
from tinygen.early_exit.decision import Exit
from tinygen.errors import ConfigError, InputError
from tinygen.mlperf_tiny import personality as mlperf
from tinygen.report.model import read_report

if TYPE_CHECKING:
    from pathlib import Path

    from tinygen.boards import Board
    from tinygen.models import Model
    from tinygen.report.model import Report

MODEL_FILE = "model.tflite"
REPORT_FILE = "report.json"


@dataclass(frozen=True, eq=False)
class Built:
    """Firmware with the model it runs: the board, the report of the build, the ELF file.

    ``personality`` is the protocol it speaks, ``tinygen`` or ``mlperf-tiny``.
    """

    board: Board
    model: Model
    report: Report
    elf: Path
    personality: str

    @property
    def model_sha256(self) -> bytes:
        """What the firmware says it runs."""
        return bytes.fromhex(self.report.model.sha256)

    @property
    def exit(self) -> Exit | None:
        """Where an inference of it may stop early."""
        known = self.report.exit
        return None if known is None else Exit(known.output, known.threshold, known.stored)

    @property
    def build_id(self) -> bytes | None:
        """What the firmware says it is; None for a build of an earlier version of tinygen."""
        return None if self.report.build_id is None else bytes.fromhex(self.report.build_id)


def write(folder: Path, model: bytes, report: Report) -> None:
    """Put beside the firmware what reading it back needs."""
    (folder / MODEL_FILE).write_bytes(model)
    write_report(folder, report)


def write_report(folder: Path, report: Report) -> None:
    """Put the report into an output folder."""
    (folder / REPORT_FILE).write_text(report.json_text(), encoding="utf-8")


def read(folder: Path, board: str | None = None) -> Built:
    """The firmware in a folder, which must be for ``board`` where that is given.

    Raises InputError when the folder does not hold what a build writes, or no longer; ConfigError
    when the firmware is for another board.
    """
    report = read_report(folder / REPORT_FILE)
    if report.board is None:
        raise InputError(f"{folder} holds a C library, not firmware; run 'tinygen build' for it")
    found = load_board(board or report.board)
    if found.name != report.board:
        raise ConfigError(
            f"the firmware in {folder} is for {report.board}, not for {board}; "
            "name the folder of the other build, or build it"
        )
    model = models.load(folder / MODEL_FILE)
    if hashlib.sha256(model.data).hexdigest() != report.model.sha256:
        raise InputError(
            f"{folder / MODEL_FILE} is not the model the firmware was built from; build it again"
        )
    elf = folder / ".pio" / "build" / found.name / "firmware.elf"
    if not elf.is_file():
        raise InputError(f"{elf} does not exist; run 'tinygen build', or 'pio run' in {folder}")
    personality = "mlperf-tiny" if (folder / mlperf.RECORD).exists() else "tinygen"
    return Built(found, model, report, elf, personality)
