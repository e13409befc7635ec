"""The simulator in C against the rules in Python, and both against what can be said by hand."""

import random

import numpy as np
import pytest

from tinygen import boards
from tinygen.device import stalls
from tinygen.device.memory_model import CacheModel, MemoryModel, Region, memory_model
from tinygen.device.pipelines.base import BlockCost
from tinygen.device.stalls import Stalls
from tinygen.device.stalls_reference import ReferenceStalls
from tinygen.device.trace import BLOCK, READ, WRITE, pack

FLASH, SRAM, FAST = 0x0800_0000, 0x2000_0000, 0x1000_0000
TIMED = [board.name for board in boards.all_boards() if board.memory_system]


def slow(first=5, unit=8, following=6, origin=FLASH):
    return Region(origin, origin + 0x4000, unit, first, following)


def model(*regions, instruction=None, data=None, unified=False, prefetch=False):
    return MemoryModel(regions, instruction, data, unified, prefetch)


def price(address, nbytes):
    return BlockCost(straight=nbytes // 2, taken=2)


def stalled(memory, events, pieces=1, monkeypatch=None):
    if monkeypatch is not None:
        monkeypatch.setattr(stalls, "native_library", lambda: None)
    run = Stalls(memory, price)
    for piece in np.array_split(np.array(events, np.uint64), pieces):
        run.add(piece)
    return run.total()


def random_trace(rng, blocks):
    """Loops, jumps and accesses to all memories, as code has them."""
    events, address = [], FLASH
    for _ in range(blocks):
        nbytes = rng.choice([2, 4, 10, 24, 64])
        events.append(pack(BLOCK, address, nbytes))
        for _ in range(rng.randrange(6)):
            base = rng.choice([FLASH + 0x2000, SRAM, FAST])
            kind = READ if base == FLASH + 0x2000 else rng.choice([READ, WRITE])
            events.append(pack(kind, base + 4 * rng.randrange(rng.choice([16, 900])), 4))
        address += nbytes
        if rng.random() < 0.4:
            address = rng.choice([FLASH, FAST]) + 2 * rng.randrange(600)
    return events


def random_model(rng):
    line = rng.choice([8, 16, 32])
    caches = []
    for _ in range(2):
        ways = rng.choice([1, 2, 4])
        shape = CacheModel(rng.choice([1, 2, 8]), ways, line, rng.random() < 0.5)
        caches.append(rng.choice([None, shape, shape]))
    unit = rng.choice([4, 8])
    return model(
        slow(rng.randrange(9), unit, rng.randrange(1, 6)),
        slow(rng.randrange(4), unit, rng.randrange(1, 3), SRAM),
        instruction=caches[0],
        data=None if caches[0] else caches[1],
        unified=caches[0] is not None and rng.random() < 0.3,
        prefetch=rng.random() < 0.5,
    )


@pytest.mark.parametrize("seed", range(30))
def test_the_simulator_in_c_follows_the_rules(seed):
    library = stalls.native_library()
    if library is None:
        pytest.skip("no host compiler")
    rng = random.Random(seed)
    memory = random_model(rng)
    events = np.array(random_trace(rng, 400), np.uint64)
    costs = np.array([price(0, int(event) >> 32 & 0xFF).straight for event in events], np.uint32)
    fast, plain = stalls.NativeStalls(memory, library), ReferenceStalls(memory)
    for simulator in (fast, plain):
        simulator.run(events, costs, costs + 1)
    assert fast.total == plain.total > 0


@pytest.mark.parametrize("name", TIMED)
def test_both_agree_on_the_memories_of_a_board(name, monkeypatch):
    memory = memory_model(boards.load_board(name))
    events = random_trace(random.Random(1), 1500)
    shift = memory.regions[0].origin - FLASH
    events = [event + shift if event & 0xF800_0000 == FLASH else event for event in events]
    native = stalled(memory, events)
    assert native == stalled(memory, events, monkeypatch=monkeypatch) > 0


@pytest.mark.parametrize("pieces", [2, 7, 500])
def test_a_trace_in_pieces_is_the_same_trace(pieces):
    rng = random.Random(5)
    memory, events = random_model(rng), random_trace(rng, 300)
    assert stalled(memory, events, pieces) == stalled(memory, events)


def test_straight_code_waits_for_every_unit():
    events = [pack(BLOCK, FLASH, 32)]
    assert stalled(model(slow()), events) == 4 * 5


def test_a_loop_in_the_cache_waits_once():
    cache = CacheModel(1, 32, 32, whole_lines=False)
    events = [pack(BLOCK, FLASH, 32)] * 100
    assert stalled(model(slow(), instruction=cache), events) == 4 * 5


def test_prefetch_hides_what_the_core_takes_to_execute_a_unit():
    # Four cycles to execute a unit, six to read one: two are left to wait, from the second on.
    events = [pack(BLOCK, FLASH, 80)]
    assert stalled(model(slow(), prefetch=True), events) == 5 + 9 * (6 - 4)


def test_a_line_arrives_behind_the_back_of_the_core():
    cache = CacheModel(32, 4, 32, whole_lines=True)
    reads = [pack(READ, FLASH + 0x1000 + 4 * i, 4) for i in range(8)]
    # 48 cycles of code elsewhere, a read every six: the core only waits for the first.
    memory = model(slow(first=7, following=1), data=cache)
    assert stalled(memory, [pack(BLOCK, FAST, 96), *reads]) == 7


def test_stores_do_not_wait_and_bring_in_the_line():
    cache = CacheModel(32, 4, 32, whole_lines=True)
    memory = model(slow(origin=SRAM), data=cache)
    store, load = pack(WRITE, SRAM, 4), pack(READ, SRAM + 4, 4)
    assert stalled(memory, [pack(BLOCK, FAST, 96), store]) == 0
    assert stalled(memory, [pack(BLOCK, FAST, 200), store, load]) == 0
    assert stalled(memory, [pack(BLOCK, FAST, 200), load]) == 5


def test_memory_in_no_region_costs_nothing():
    events = [pack(BLOCK, FAST, 64), pack(READ, FAST + 64, 4)] * 10
    assert stalled(model(slow()), events) == 0


@pytest.mark.parametrize("name", TIMED)
def test_more_wait_states_never_take_fewer_cycles(name):
    board = boards.load_board(name)
    events = random_trace(random.Random(3), 2000)
    shift = board.flash.origin - FLASH
    events = [event + shift if event & 0xF800_0000 == FLASH else event for event in events]
    counts = []
    for waits in range(0, 13, 2):
        access = board.flash.access.model_copy(update={"wait_states": waits})
        flash = board.flash.model_copy(update={"access": access})
        memory = tuple(flash if region.kind == "flash" else region for region in board.memory)
        counts.append(stalled(memory_model(board.model_copy(update={"memory": memory})), events))
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]
