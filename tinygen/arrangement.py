"""What is computed when, and with which kernels: the order, what is fused, and the selection."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from tinygen.choice.fusing import fuse_for_memory
from tinygen.choice.ordering import order_for_memory
from tinygen.errors import BudgetError
from tinygen.memory.lifetimes import lifetimes
from tinygen.memory.plan import ALIGNMENT
from tinygen.memory.planner import plan_arena
from tinygen.selection import fastest, offers_of, select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.choice.search import Limits, Objective
    from tinygen.cores import Core
    from tinygen.ir import Graph, Node
    from tinygen.kernels.base import Implementation
    from tinygen.selection import KernelChoice, Pricing, Selection


def arrange(
    graph: Graph,
    core: Core,
    kernels: KernelChoice,
    objective: Objective,
    limits: Limits,
    *,
    cmsis_nn: bool,
    pricing: Pricing | None = None,
) -> tuple[Graph, Selection]:
    """The graph in the order, and with the layers fused, that serve the objective best.

    The given order is kept unless another makes the arena smaller. Layers are fused where memory is
    the objective or limited, and that helps. The selection has a plan where there was a choice.

    Raises as :func:`tinygen.selection.select` does.
    """

    def offers(node: Node) -> Sequence[Implementation]:
        return offers_of(node, core, kernels, cmsis_nn=cmsis_nn, pricing=pricing)

    def chosen(node: Node) -> Sequence[Implementation]:
        found = offers(node)
        return [fastest(found)] if objective == "latency" and limits.ram is None else found

    orders = [graph]
    if (ordered := order_for_memory(graph, chosen)) is not graph:
        orders.append(ordered)
    by_rows: list[Graph] = []
    if kernels != "cmsis-nn" and (objective == "ram" or limits.ram is not None):
        room = None if objective == "ram" else limits.ram
        both = ((one, fuse_for_memory(one, offers, room)) for one in orders)
        by_rows = [made for one, made in both if made.nodes != one.nodes]
    # What fusing adds to flash is not known here, so there it is for limits out of reach otherwise.
    tiers = [orders, by_rows] if objective == "flash" else [orders + by_rows]
    refused: BudgetError | None = None
    for tier in tiers:
        found: list[tuple[Graph, Selection]] = []
        for one in tier:
            try:
                made = select(
                    one, core, kernels, objective, limits, cmsis_nn=cmsis_nn, pricing=pricing
                )
            except BudgetError as error:
                refused = error
                continue
            if one is graph and len(orders) + len(by_rows) == 1:
                return one, made
            found.append((one, _planned(one, made)))
        if found:
            return min(found, key=lambda pair: _figures(pair[1]))
    assert refused is not None
    raise refused


def _planned(graph: Graph, selection: Selection) -> Selection:
    """The selection with a plan of its arena."""
    if selection.plan is not None:
        return selection
    alive = lifetimes(graph, selection.implementations)
    return dataclasses.replace(selection, plan=plan_arena(alive.buffers, alive.overlaps))


def _figures(selection: Selection) -> tuple[float, ...]:
    """What the objective makes smallest, and then what is smaller without cost."""
    assert selection.plan is not None
    arena = selection.plan.nbytes
    cycles = sum(implementation.cycles for implementation in selection.implementations)
    # Code is generated for whole units.
    units = -(-arena // ALIGNMENT)
    return {"latency": (cycles, arena), "ram": (units, cycles), "flash": (arena,)}[
        selection.objective
    ]
