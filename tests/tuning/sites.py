"""A site whose device is the target's object code by itself: no image, no protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinygen import boards
from tinygen.models import Model
from tinygen.ops.sampling import stimuli
from tinygen.tuning.rounds import Only
from tinygen.tuning.site import Device, Round, Site
from tinygen.verify.target import on_target

if TYPE_CHECKING:
    from tinygen.ir import Graph
    from tinygen.tuning.rounds import Picks

BOARD = boards.load_board("nucleo_f446re")


@dataclass(frozen=True)
class BareSite(Site):
    """Counts the instructions of every layer."""

    def run(self, picks: Picks) -> Round:
        compiled = self.compiled(Only(picks))
        inputs = [tuple(next(stimuli(compiled.graph.inputs, seed=1, randoms=1)))]
        costs = on_target(compiled, inputs).costs
        names = (layer.node.name for layer in compiled.executed)
        taken = (cost.instructions for cost in costs)
        return Round(dict(zip(names, taken, strict=True)), "unicorn", "instructions")


def bare(graph: Graph) -> BareSite:
    """A model on the core of a board with SIMD, with tinygen's kernels."""
    return BareSite(Model(b"", graph), Device(BOARD, True), "tinygen", "latency", 1, False)
