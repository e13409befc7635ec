"""What ``tinygen mlperf`` shows: the commands to type, or JSON (docs/mlperf-tiny.md)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tinygen.mlperf_tiny.runner import LONGEST, MODES, SHORTEST, WINDOWS

if TYPE_CHECKING:
    from pathlib import Path

    from tinygen.mlperf_tiny.prepare import Prepared

SCHEMA_VERSION = 1


def json_text(prepared: Prepared) -> str:
    """The figures as JSON."""
    plan = prepared.plan
    figures = {
        "schema_version": SCHEMA_VERSION,
        "board": plan.board.name,
        "benchmark": plan.record.benchmark.model_id,
        "mode": plan.record.mode,
        "emulated": plan.emulated,
        "latency_ms": plan.latency * 1000,
        "inferences": plan.inferences,
        "window_seconds": plan.window,
        "valid": plan.counts,
        "folder": str(prepared.folder),
    }
    return json.dumps(figures, indent=2) + "\n"


def text(prepared: Prepared) -> str:
    """What was prepared, and how to run it."""
    plan, folder = prepared.plan, prepared.folder
    clock = "emulated time, a cycle per instruction" if plan.emulated else "the board's clock"
    lines = [
        f"{plan.record.benchmark.model_id} on {plan.board.title}: {plan.latency * 1000:.3f} ms an "
        f"inference by {clock}",
        f"windows: {WINDOWS} of {plan.inferences:,} inferences, {plan.window:.2f} s each",
    ]
    if not plan.counts:
        lines.append(f"not for submission: a window must take {SHORTEST:g} s to {LONGEST:g} s")
    lines += ["", "In benchmark/runner of github.com/mlcommons/tiny:"]
    data = folder / "datasets" if prepared.has_data else "DATASETS"
    lines += (f"  {_prefix(prepared)}{_command(folder, mode, data)}" for mode in _modes(prepared))
    if prepared.port is not None:
        lines += ["", "while this runs the board:", f"  {_emulate(prepared)}"]
    return "\n".join(lines)


def _modes(prepared: Prepared) -> tuple[str, ...]:
    return ("energy",) if prepared.plan.record.mode == "energy" else ("accuracy", "performance")


def _prefix(prepared: Prepared) -> str:
    return f"PYTHONPATH={prepared.folder / 'ports'} " if prepared.port is not None else ""


def _command(folder: Path, mode: str, data: Path | str) -> str:
    return (
        f"python main.py -m {MODES[mode]} -d {folder / 'devices.yaml'} "
        f"-t {folder / f'tests_{mode}.yaml'} -s {data}"
    )


def _emulate(prepared: Prepared) -> str:
    return f"tinygen emulate {prepared.firmware} --link {prepared.port}"
