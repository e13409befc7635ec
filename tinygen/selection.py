"""Choose one kernel per node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from tinygen.errors import BuildError
from tinygen.kernels import kernels_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygen.cores import Core
    from tinygen.ir import Graph, Node
    from tinygen.kernels.base import Implementation

KernelChoice = Literal["auto", "cmsis-nn", "tinygen"]
Objective = Literal["latency", "ram", "flash"]

# Ties are broken by the other figures, and last by name, so that a choice never depends on the
# order in which files were found.
_RANKING: dict[Objective, Callable[[Implementation], tuple[float, ...]]] = {
    "latency": lambda i: (i.cycles, i.scratch_bytes, i.flash_bytes),
    "ram": lambda i: (i.scratch_bytes, i.cycles, i.flash_bytes),
    "flash": lambda i: (i.flash_bytes, i.scratch_bytes, i.cycles),
}


def candidates(node: Node, core: Core, providers: tuple[str, ...]) -> list[Implementation]:
    """Every implementation of a node by kernels of these providers, in order of kernel name."""
    return [
        kernel.implement(node, core)
        for kernel in kernels_for(node.op, *providers)
        if kernel.refusal(node, core) is None
    ]


def select(
    graph: Graph, core: Core, choice: KernelChoice, objective: Objective, *, cmsis_nn: bool
) -> list[Implementation]:
    """The best implementation of each node, in the order of the graph's nodes.

    ``auto`` ranks the kernels of both providers together; ``cmsis_nn`` says whether CMSIS-NN is
    installed. ``cmsis-nn`` takes CMSIS-NN wherever it has the operator, and tinygen's own kernel
    for the rest (CMSIS-NN covers about half of the operators).

    Raises BuildError where no kernel accepts a node, and where CMSIS-NN is asked for but missing.
    """
    if choice == "cmsis-nn" and not cmsis_nn:
        raise BuildError(
            "CMSIS-NN is not installed; run `tinygen deps install cmsis-nn`, "
            "or use --kernels tinygen"
        )
    tiers: dict[KernelChoice, tuple[tuple[str, ...], ...]] = {
        "auto": (("tinygen", "cmsis_nn") if cmsis_nn else ("tinygen",),),
        "cmsis-nn": (("cmsis_nn",), ("tinygen",)),
        "tinygen": (("tinygen",),),
    }
    chosen = []
    for node in graph.nodes:
        for providers in tiers[choice]:
            found = candidates(node, core, providers)
            if found:
                chosen.append(min(found, key=lambda i: (*_RANKING[objective](i), i.kernel.name)))
                break
        else:
            raise BuildError(
                f"no kernel computes layer {node.name!r} ({node.op}) on {core.name}; "
                "replace the layer, or report the shape as a bug"
            )
    return chosen
