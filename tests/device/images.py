"""Firmware images with the tiny network of tests/firmware_host, for any board."""

import functools
import tempfile
from pathlib import Path

import tiny_firmware

from tinygen import boards

MODEL_SHA256 = tiny_firmware.SHA256
_kept = tempfile.TemporaryDirectory(prefix="tinygen-images-")


@functools.cache
def build(board_name):
    """The image of the tiny network for this board, built once per test process."""
    return tiny_firmware.build(boards.load_board(board_name), Path(_kept.name) / board_name)


def outputs(first, second):
    """What the tiny network computes."""
    total = bytes((value + second[0]) & 0xFF for value in first)
    return total, bytes((second[1] + 3 * i) & 0xFF for i in range(2000))
