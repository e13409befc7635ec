"""Firmware images with the tiny network of tests/firmware_host, for any board."""

import functools
import tempfile
from pathlib import Path
from types import SimpleNamespace

from tinygen import boards, firmware

NETWORK = Path(__file__).parents[1] / "firmware_host" / "network"
MODEL_SHA256 = bytes(range(32))
_kept = tempfile.TemporaryDirectory(prefix="tinygen-images-")


@functools.cache
def build(board_name):
    """The image of the tiny network for this board, built once per test process."""
    board = boards.load_board(board_name)
    compiled = SimpleNamespace(
        name="network",
        core=board.cpu,
        graph=SimpleNamespace(inputs=(1, 2), outputs=(1, 2)),
        files={path.name: path.read_text() for path in NETWORK.iterdir()},
        plan=SimpleNamespace(nbytes=2064),
        uses_cmsis_nn=False,
    )
    return firmware.build(compiled, board, Path(_kept.name) / board.name, MODEL_SHA256)


def outputs(first, second):
    """What the tiny network computes."""
    total = bytes((value + second[0]) & 0xFF for value in first)
    return total, bytes((second[1] + 3 * i) & 0xFF for i in range(2000))
