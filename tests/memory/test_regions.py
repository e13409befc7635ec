"""The choice of memory regions."""

import pytest

from tinygen.errors import BoardError
from tinygen.memory.regions import Needs, Placement, Region, place

DTCM = Region("DTCM", 0x20000000, 64 << 10)
SRAM = Region("SRAM", 0x20010000, 256 << 10)


def test_everything_goes_to_the_best_region_when_it_fits():
    assert place([DTCM, SRAM], Needs(40_000, 4096, 2048)) == Placement(DTCM, DTCM)


def test_the_arena_drives_stack_and_data_out_of_the_best_region():
    assert place([DTCM, SRAM], Needs(64 << 10, 4096, 2048)) == Placement(DTCM, SRAM)


def test_a_large_arena_goes_to_the_large_region():
    assert place([DTCM, SRAM], Needs(100_000, 4096, 2048)) == Placement(SRAM, DTCM)
    full = Needs(250_000, 40_000, 30_000)
    with pytest.raises(BoardError, match="RAM is too small"):
        place([DTCM, SRAM], full)


def test_a_misaligned_region_loses_its_first_bytes():
    odd = Region("ODD", 0x20000004, 1024)
    assert place([odd], Needs(1000, 4, 8)).arena is odd
    with pytest.raises(BoardError):
        place([odd], Needs(1000, 4, 9))


def test_the_error_has_the_bytes_needed_and_available():
    with pytest.raises(BoardError) as caught:
        place([DTCM, SRAM], Needs(300_000, 4096, 2048))
    for number in ("300000", "4096", "2048", "DTCM 65536", "SRAM 262144"):
        assert number in str(caught.value)
    with pytest.raises(BoardError, match="none"):
        place([], Needs(1, 1, 1))
