"""From a graph to C files: rewrite, choose kernels, plan the arena, render."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinygen import codegen, passes
from tinygen.arrangement import arrange
from tinygen.choice.search import UNLIMITED, Limits, Objective
from tinygen.memory.lifetimes import lifetimes
from tinygen.memory.planner import plan_arena

if TYPE_CHECKING:
    from pathlib import Path

    from tinygen.cores import Core
    from tinygen.ir import Graph, Node, Tensor
    from tinygen.kernels.base import Implementation
    from tinygen.memory.plan import ArenaPlan
    from tinygen.selection import KernelChoice, Pricing, Selection


@dataclass(frozen=True, eq=False)
class Layer:
    """One node with the kernel that computes it and where its scratch lies.

    ``function`` is the name of its C function; None where the kernel needs no code because its
    output already lies where its input did. ``calls`` are the functions that it calls.
    """

    node: Node
    implementation: Implementation
    function: str | None
    scratch_offset: int | None
    calls: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class CompiledModel:
    """A graph as C.

    ``source`` is the graph as it was read, ``graph`` the one that was compiled; ``offsets`` gives
    the arena offset of every activation of ``graph``. ``files`` maps file names to contents.
    """

    name: str
    core: Core
    source: Graph
    graph: Graph
    layers: tuple[Layer, ...]
    offsets: dict[Tensor, int]
    selection: Selection
    plan: ArenaPlan
    files: dict[str, str]

    @property
    def executed(self) -> tuple[Layer, ...]:
        """The layers that are functions in the generated C, in order."""
        return tuple(layer for layer in self.layers if layer.function is not None)

    @property
    def uses_cmsis_nn(self) -> bool:
        """Whether the C calls CMSIS-NN."""
        return any(i.implementation.kernel.provider == "cmsis_nn" for i in self.executed)

    def write(self, folder: Path) -> None:
        """Write the C library into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in self.files.items():
            (folder / name).write_text(text)


def compile_graph(
    graph: Graph,
    core: Core,
    *,
    kernels: KernelChoice = "auto",
    objective: Objective = "latency",
    limits: Limits = UNLIMITED,
    cmsis_nn: bool = False,
    name: str = "network",
    pricing: Pricing | None = None,
) -> CompiledModel:
    """Compile a checked graph for a core.

    ``name`` prefixes every public C name; ``pricing`` puts measurements in the place of estimates.
    The result depends on nothing but the arguments.

    Raises BuildError where no kernel fits a node, BudgetError where no choice of kernels is within
    the limits, ConfigError where ``name`` is no C identifier.
    """
    codegen.check_name(name)
    rewritten, selection = arrange(
        passes.apply(graph), core, kernels, objective, limits, cmsis_nn=cmsis_nn, pricing=pricing
    )
    implementations = selection.implementations
    alive = lifetimes(rewritten, implementations)
    plan = selection.plan or plan_arena(alive.buffers, alive.overlaps)
    offsets = {tensor: plan.offsets[buffer] for tensor, buffer in alive.tensors.items()}
    scratch = [
        plan.offsets[alive.scratch[node]] if node in alive.scratch else None
        for node in rewritten.nodes
    ]
    functions = codegen.name_functions(rewritten, implementations, offsets)
    layers = tuple(
        Layer(node, implementation, names[0] if names else None, at, names[1:])
        for node, implementation, names, at in zip(
            rewritten.nodes, implementations, functions, scratch, strict=True
        )
    )
    files = codegen.render(name, core, rewritten, layers, offsets, plan, alive.buffers)
    return CompiledModel(name, core, graph, rewritten, layers, offsets, selection, plan, files)
