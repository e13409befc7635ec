"""Choose one kernel per node: which there are, and the best of them together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tinygen.choice.problem import Problem
from tinygen.choice.search import UNLIMITED, Limits, Objective, choose
from tinygen.errors import BuildError
from tinygen.kernels import kernels_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tinygen.cores import Core
    from tinygen.ir import Graph, Node
    from tinygen.kernels.base import Implementation
    from tinygen.memory.plan import ArenaPlan

    Pricing = Callable[[Node, Sequence[Implementation]], Sequence[Implementation]]
    """What to choose from for a node, in place of what its kernels say: other cycles, or fewer."""

KernelChoice = Literal["auto", "cmsis-nn", "tinygen"]


@dataclass(frozen=True, eq=False)
class Selection:
    """An implementation per node, in the order of the graph's nodes, and what they were chosen for.

    ``plan`` is their arena, where it had to be planned in order to choose. ``optimal`` says that
    no other choice is better for the objective, within the limits.
    """

    implementations: tuple[Implementation, ...]
    objective: Objective = "latency"
    limits: Limits = UNLIMITED
    plan: ArenaPlan | None = None
    optimal: bool = True


def candidates(node: Node, core: Core, providers: tuple[str, ...]) -> list[Implementation]:
    """Every implementation of a node by kernels of these providers, in order of kernel name."""
    return [
        kernel.implement(node, core)
        for kernel in kernels_for(node.op, *providers)
        if kernel.refusal(node, core) is None
    ]


def fastest(offers: Sequence[Implementation]) -> Implementation:
    """The implementation of fewest cycles; ties go by the other figures, and last by name."""
    return min(offers, key=lambda i: (i.cycles, i.scratch_bytes, i.flash_bytes, i.kernel.name))


def select(
    graph: Graph,
    core: Core,
    kernels: KernelChoice,
    objective: Objective,
    limits: Limits = UNLIMITED,
    *,
    cmsis_nn: bool,
    pricing: Pricing | None = None,
) -> Selection:
    """The best implementations of a graph's nodes together, by the estimates of their kernels.

    ``latency`` makes cycles smallest, ``ram`` the arena, ``flash`` constants and code; ties of the
    latter two go to fewer cycles. ``auto`` ranks the kernels of both providers together;
    ``cmsis_nn`` says whether CMSIS-NN is installed. ``cmsis-nn`` takes CMSIS-NN wherever it has the
    operator, and tinygen's own kernel for the rest (CMSIS-NN covers about half of the operators).
    ``pricing`` puts measurements in the place of estimates.

    Raises BuildError where no kernel accepts a node, and where CMSIS-NN is asked for but missing;
    BudgetError where nothing is within the limits.
    """
    if kernels == "cmsis-nn" and not cmsis_nn:
        raise BuildError(
            "CMSIS-NN is not installed; run `tinygen deps install cmsis-nn`, "
            "or use --kernels tinygen"
        )
    offers = [
        offers_of(node, core, kernels, cmsis_nn=cmsis_nn, pricing=pricing) for node in graph.nodes
    ]
    if objective == "latency" and limits == UNLIMITED:
        # Each node decides alone.
        return Selection(tuple(map(fastest, offers)))
    choice = choose(Problem.of(graph, offers), objective, limits)
    picked = (found[pick] for found, pick in zip(offers, choice.picks, strict=True))
    return Selection(tuple(picked), objective, limits, choice.plan, choice.optimal)


def offers_of(
    node: Node,
    core: Core,
    kernels: KernelChoice,
    *,
    cmsis_nn: bool,
    pricing: Pricing | None,
) -> Sequence[Implementation]:
    """The implementations of a node to choose from: at least one, but for a chain of fused layers.

    Raises BuildError where there is none for another node.
    """
    if node.op == "FUSED_ROWS":
        found = candidates(node, core, ("tinygen",))
        return found if pricing is None else pricing(node, found)
    tiers: dict[KernelChoice, tuple[tuple[str, ...], ...]] = {
        "auto": (("tinygen", "cmsis_nn") if cmsis_nn else ("tinygen",),),
        "cmsis-nn": (("cmsis_nn",), ("tinygen",)),
        "tinygen": (("tinygen",),),
    }
    for providers in tiers[kernels]:
        found = candidates(node, core, providers)
        if found:
            return found if pricing is None else pricing(node, found)
    raise BuildError(
        f"no kernel computes layer {node.name!r} ({node.op}) on {core.name}; "
        "replace the layer, or report the shape as a bug"
    )
