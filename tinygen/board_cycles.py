"""Modelled cycles of a compiled network on a board, its memories included, without a firmware.

    timing = board_cycles.measure(compiled, board)
    timing.total, timing.layers["conv_1"], timing.copies

The network is linked by itself and emulated twice. The first inference counts how often every
function and every constant is read; by that the firmware chooses what it copies into fast memory.
The second one goes through the board's memories (docs/cycle-model.md) with the choice made. Where
code lies exactly is the only thing in which a firmware differs from it.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from elftools.elf.elffile import ELFFile

from tinygen.device import cycles
from tinygen.device.emulators.bare import BareTarget
from tinygen.device.memory_model import memory_model
from tinygen.device.stalls import Stalls
from tinygen.device.trace import ADDRESS_MASK
from tinygen.firmware.copies import NONE, Copies, Symbol, choose
from tinygen.firmware.placement import place
from tinygen.ops.sampling import stimuli
from tinygen.verify.target import link_bare

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from tinygen.boards import Board
    from tinygen.compiler import CompiledModel
    from tinygen.device.pipelines.base import BlockCost

    Events = npt.NDArray[np.uint64]

# In a trace, what is copied to the nth region of the copies lies n times this behind its address in
# the image. No image is as long, and there are fewer regions than would reach the arena.
_STRIDE = 0x0400_0000
_SEED = 0
_KINDS: dict[str, Literal["function", "constant"]] = {
    "STT_FUNC": "function",
    "STT_OBJECT": "constant",
}


@dataclass(frozen=True)
class BoardCycles:
    """Modelled cycles of one inference, by the names of the layers that are executed.

    ``copies`` is what lay in fast memory.
    """

    layers: dict[str, int]
    copies: Copies

    @property
    def total(self) -> int:
        """Cycles of all layers."""
        return sum(self.layers.values())


def measure(
    compiled: CompiledModel,
    board: Board,
    *,
    copy: bool = True,
    max_ram: int | None = None,
    more_static_bytes: int = 0,
) -> BoardCycles | None:
    """Model an inference on random inputs; None where there is no table for the board's core.

    ``copy`` allows hot code and constants to be copied into memory that is left, ``max_ram`` limits
    them together with the arena. ``more_static_bytes`` is RAM that the firmware takes beyond what
    every firmware does.

    Raises BudgetError when the board has too little RAM, ToolchainError without an Arm compiler.
    """
    if cycles.model(board.cpu) is None:
        return None
    with tempfile.TemporaryDirectory(prefix="tinygen-cycles-") as folder:
        image = link_bare(compiled, Path(folder))
        copies = NONE
        if copy and board.flash.access is not None:
            symbols = _Inference(compiled, image).symbols()
            copies = choose(
                board,
                compiled.plan.nbytes,
                symbols,
                max_ram=max_ram,
                more_static_bytes=more_static_bytes,
            )
        spent = _Inference(compiled, image).cycles(board, copies)
        names = (layer.node.name for layer in compiled.executed)
        return BoardCycles(dict(zip(names, spent, strict=True)), copies)


class _Inference:
    """One inference of a network, layer by layer, on an engine of its own."""

    def __init__(self, compiled: CompiledModel, image: Path) -> None:
        self._compiled = compiled
        self._image = image
        self._target = BareTarget(image, compiled.core)
        self._arena = self._target.allocate(max(compiled.plan.nbytes, 1))
        *_, inputs = stimuli(compiled.graph.inputs, _SEED, 1)
        for tensor, value in zip(compiled.graph.inputs, inputs, strict=True):
            self._target.write(self._arena + compiled.offsets[tensor], value.tobytes())

    def _run(self) -> Iterator[int]:
        """Cycles of the pipeline, layer by layer."""
        invoke = self._target.symbol(f"{self._compiled.name}_invoke_layer")
        for layer in range(len(self._compiled.executed)):
            called = self._target.call(invoke, self._arena, layer)
            assert called.cycles_modelled is not None
            yield called.cycles_modelled

    def symbols(self) -> list[Symbol]:
        """Functions and constants of the network, with how often they are read."""
        found = sorted(_symbols(self._compiled, self._image), key=lambda symbol: symbol.address)
        starts = np.array([symbol.address for symbol in found])
        reads = np.zeros(len(found) + 1, np.int64)  # the first is for what lies before all

        def count(events: Events) -> None:
            # Blocks are counted by their instructions below; here they only add one each.
            where = np.searchsorted(starts, events & np.uint64(ADDRESS_MASK), "right")
            np.add.at(reads, where, 1)

        self._target.counter.start_trace(self._target.constant_ranges, count)
        for _ in self._run():
            for block in self._target.blocks():
                owner = np.searchsorted(starts, block.address, "right")
                reads[owner] += (block.instructions - 1) * block.entered
        self._target.counter.end_trace()
        return [
            Symbol(s.name, s.kind, s.address, s.nbytes, int(count))
            for s, count in zip(found, reads[1:], strict=True)
        ]

    def cycles(self, board: Board, copies: Copies) -> Iterator[int]:
        """Cycles of each layer, in order."""
        memory = memory_model(board, self._places(board, copies))
        model = cycles.model(board.cpu)
        if memory is None or model is None:
            yield from self._run()
            return

        def price(address: int, nbytes: int) -> BlockCost:
            return model.price(address % _STRIDE, nbytes, self._target.read)

        stalls = Stalls(memory, price)
        move = _Move(copies)
        arena = (self._arena, self._arena + max(self._compiled.plan.nbytes, 1))
        counter = self._target.counter
        counter.start_trace(
            [*self._target.constant_ranges, arena], lambda events: stalls.add(move(events))
        )
        before = 0
        for pipeline in self._run():
            counter.hand_over()
            stalled = stalls.total()
            yield pipeline + stalled - before
            before = stalled
        counter.end_trace()

    def _places(self, board: Board, copies: Copies) -> dict[str, list[tuple[int, int]]]:
        """Where in the trace the regions of the board lie, as origins and sizes."""
        nbytes = max(self._compiled.plan.nbytes, 1)
        image = [(start, end - start) for start, end in self._target.constant_ranges]
        places = {board.flash.name: image, place(board, nbytes).arena: [(self._arena, nbytes)]}
        for number, name in enumerate(copies.regions, 1):
            moved = [(start + number * _STRIDE, size) for start, size in image]
            places[name] = places.get(name, []) + moved
        return places


class _Move:
    """Changes a trace to what it is when symbols lie in other regions."""

    def __init__(self, copies: Copies) -> None:
        moved = sorted(
            (symbol.address, symbol.address + symbol.nbytes, number * _STRIDE)
            for number, symbols in enumerate(copies.regions.values(), 1)
            for symbol in symbols
        )
        # The first stands for whatever lies before all symbols.
        self._starts, self._ends, self._by = np.array([(0, 0, 0), *moved], np.uint64).T

    def __call__(self, events: Events) -> Events:
        addresses = events & np.uint64(ADDRESS_MASK)
        owner = np.searchsorted(self._starts, addresses, "right") - 1
        return np.where(addresses < self._ends[owner], events + self._by[owner], events)


def _symbols(compiled: CompiledModel, image: Path) -> Iterator[Symbol]:
    """What the generated C defines and the linker can place: a section of its own each."""
    words = set(re.findall(r"\w+", "".join(compiled.files.values())))
    with image.open("rb") as file:
        for symbol in ELFFile(file).get_section_by_name(".symtab").iter_symbols():
            kind = _KINDS.get(symbol["st_info"]["type"])
            # Compilers append what they made of a function: .constprop.0, .part.1.
            ours = symbol.name.partition(".")[0] in words
            if kind is not None and ours and symbol["st_size"]:
                address = symbol["st_value"] & ~1
                yield Symbol(symbol.name, kind, address, symbol["st_size"], 0)
