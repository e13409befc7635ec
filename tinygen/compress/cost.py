"""What a model costs on a board, told by the compiler that would build it.

Two ways. :func:`estimate` stops where kernels have been chosen and takes their own estimates: some
tens of milliseconds, for loops that look for a model. :func:`measure` generates the C, compiles it,
and counts while the object code runs in the emulator: a second or two, for figures that people see.

Costs hang on shapes and hardly on values, so no data is needed: without calibration samples, ranges
are those that random inputs give.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygen import board_cycles, boards, deps, passes
from tinygen.boards import Board
from tinygen.choice.problem import Problem
from tinygen.compiler import compile_graph
from tinygen.compress.calibrate import calibrate, samples
from tinygen.compress.export import float_graph, to_int8
from tinygen.compress.pruning.bundles import Bundles
from tinygen.compress.pruning.structure import analyse
from tinygen.device.emulators.image import read_image
from tinygen.ir import Graph
from tinygen.memory.first_fit import first_fit
from tinygen.memory.packing import Packing
from tinygen.ops import operator
from tinygen.ops.base import FLOAT32
from tinygen.ops.sampling import random_value
from tinygen.selection import select
from tinygen.verify.target import link_bare, on_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.choice.search import Objective
    from tinygen.compiler import CompiledModel
    from tinygen.cores import Core
    from tinygen.ir import Array
    from tinygen.selection import KernelChoice

_SAMPLES = 4
_SEED = 0


@dataclass(frozen=True)
class Cost:
    """What one inference of a model takes on a board.

    ``parameters`` are the numbers in its weights, ``macs`` multiplications with them,
    ``flash_bytes`` constants and code of the network alone, ``ram_bytes`` its arena.
    ``cycles_modelled`` come from the cost table of the core, for a board with what it waits for its
    memories, ``instructions`` from counting. With ``exact`` unset, code size and cycles are the
    kernels' own estimates and the arena is one that was found quickly. What is not known is None.
    """

    parameters: int
    macs: int
    flash_bytes: int | None = None
    ram_bytes: int | None = None
    cycles_modelled: float | None = None
    instructions: int | None = None
    exact: bool = True


@dataclass(frozen=True)
class Estimate:
    """An estimated cost, and the cycles of each layer by its name in Keras."""

    cost: Cost
    layers: dict[str, float]


def measure(
    model: Any,
    board: Board | Core | str,
    *,
    calibration: Array | Sequence[Array] | None = None,
    kernels: KernelChoice = "auto",
    objective: Objective = "latency",
) -> Cost:
    """The exact cost of a keras.Model, a float graph or an int8 graph on a board or a bare core.

    A string names a board. Raises UnsupportedError for a layer that is not compiled, BoardError for
    an unknown board, ToolchainError without TensorFlow or an Arm compiler, and ProofError where the
    object code is wrong, since running it is how it is counted.
    """
    target = boards.load_board(board) if isinstance(board, str) else board
    graph = int8_graph(model, calibration)
    compiled = compile_graph(
        graph,
        _core(target),
        kernels=kernels,
        objective=objective,
        cmsis_nn=deps.cmsis_nn() is not None,
    )
    with tempfile.TemporaryDirectory(prefix="tinygen-cost-") as folder:
        image = read_image(link_bare(compiled, Path(folder)))
    generator = np.random.default_rng(_SEED)
    stimulus = tuple(random_value(tensor, generator) for tensor in graph.inputs)
    costs = on_target(compiled, [stimulus]).costs
    return Cost(
        parameters=_parameters(model, graph),
        macs=_macs(graph),
        flash_bytes=sum(segment.nbytes for segment in image.segments),
        ram_bytes=compiled.plan.nbytes,
        cycles_modelled=_cycles(compiled, target, [cost.cycles_modelled for cost in costs]),
        instructions=sum(cost.instructions for cost in costs),
    )


def estimate(
    model: Any,
    board: Board | Core | str,
    *,
    calibration: Array | Sequence[Array] | None = None,
    kernels: KernelChoice = "auto",
    objective: Objective = "latency",
) -> Estimate:
    """A quick idea of what :func:`measure` would say, without any C. Raises the same errors."""
    core = _core(board)
    graph = int8_graph(model, calibration)
    rewritten = passes.apply(graph)
    installed = deps.cmsis_nn() is not None
    chosen = select(rewritten, core, kernels, objective, cmsis_nn=installed).implementations
    problem = Problem.of(rewritten, [[one] for one in chosen])
    picks = [0] * len(chosen)
    packing = Packing.of(*problem.buffers(picks))
    layers: dict[str, float] = {}
    for node, implementation in zip(rewritten.nodes, chosen, strict=True):
        layers[node.name] = layers.get(node.name, 0.0) + implementation.cycles
    cost = Cost(
        parameters=_parameters(model, graph),
        macs=_macs(graph),
        flash_bytes=problem.flash(picks),
        ram_bytes=packing.nbytes(first_fit(packing)),
        cycles_modelled=sum(layers.values()),
        instructions=None,
        exact=False,
    )
    return Estimate(cost, layers)


def counted(model: Any) -> Cost:
    """Parameters and MACs of a keras.Model, whatever its layers: all that needs no compiler.

    Raises UnsupportedError for a layer whose channels are not understood.
    """
    bundles = Bundles(analyse(model))
    return Cost(int(model.count_params()), round(bundles.macs(bundles.full)))


def int8_graph(model: Any, calibration: Array | Sequence[Array] | None = None) -> Graph:
    """The int8 graph of a keras.Model or of a float graph; an int8 graph as it is.

    Without calibration samples, ranges are those of a few random inputs between -1 and 1: right for
    counting, wrong for predicting.
    """
    graph = model if isinstance(model, Graph) else float_graph(model, "network")
    if not any(tensor.dtype == FLOAT32 for tensor in graph.inputs):
        return graph
    if calibration is None:
        generator = np.random.default_rng(_SEED)
        shapes = [(_SAMPLES, *tensor.shape[1:]) for tensor in graph.inputs]
        calibration = [generator.uniform(-1, 1, shape).astype(np.float32) for shape in shapes]
    return to_int8(graph, calibrate(graph, samples(graph, calibration)))


def _core(board: Board | Core | str) -> Core:
    if isinstance(board, str):
        board = boards.load_board(board)
    return board.cpu if isinstance(board, Board) else board


def _cycles(
    compiled: CompiledModel, target: Board | Core, of_core: Sequence[float | None]
) -> float | None:
    """Modelled cycles of an inference, with the waits for a board's memories if known."""
    if isinstance(target, Board) and target.memory_system is not None:
        copy = compiled.selection.objective == "latency"
        timing = board_cycles.measure(compiled, target, copy=copy)
        return None if timing is None else float(timing.total)
    known = [cycles for cycles in of_core if cycles is not None]
    return sum(known) if len(known) == len(of_core) else None


def _macs(graph: Graph) -> int:
    return sum(operator(node.op).macs(node) for node in graph.nodes)


def _parameters(model: Any, graph: Graph) -> int:
    """Numbers in the weights: of the Keras model where there is one, else of the graph."""
    if not isinstance(model, Graph):
        return int(model.count_params())
    weights = {
        tensor
        for node in graph.nodes
        for tensor in node.inputs
        if tensor is not None and tensor.is_constant and tensor.quantization is not None
    }
    return sum(tensor.size for tensor in weights)
