"""Structured pruning: fewer channels, until a model is within a budget on a board.

The budget is one that people mean (cycles, memory), and what decides is the compiler: candidates
are lowered, quantized and given kernels, and the last one is compiled and counted in the emulator.
The result is a plain Keras model with smaller layers, which trains and saves like any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from tinygen.compress.budget import Budget, gauge
from tinygen.compress.pruning.bundles import Bundles
from tinygen.compress.pruning.criteria import importance
from tinygen.compress.pruning.order import removal_order
from tinygen.compress.pruning.reach import fewest
from tinygen.compress.pruning.structure import analyse
from tinygen.compress.pruning.surgery import removed_channels, without
from tinygen.errors import BudgetError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygen.boards import Board
    from tinygen.compress.budget import Gauge
    from tinygen.compress.cost import Cost
    from tinygen.compress.pruning.criteria import Criterion
    from tinygen.compress.pruning.structure import Structure
    from tinygen.cores import Core

__all__ = ["Budget", "Pruned", "prune"]


@dataclass(frozen=True)
class Pruned:
    """A smaller model and what it was made of.

    ``removed`` is the number of channels that each layer has lost, by its name. With a cost
    function of one's own in place of a board, costs have parameters and MACs only. ``before`` and
    ``after`` are the figure of the budget.
    """

    model: Any
    removed: dict[str, int]
    cost_before: Cost
    cost_after: Cost
    before: float
    after: float


def prune(
    model: Any,
    budget: Budget,
    cost: Callable[[Any], float] | Board | Core | str,
    *,
    criterion: Criterion = "l2",
    samples: tuple[Any, Any] | None = None,
    loss: Callable[[Any, Any], Any] | None = None,
    seed: int = 0,
    multiple: int | None = None,
    fine_tune: Callable[[Any], None] | None = None,
    iterations: int = 1,
    rewind: Any = None,
) -> Pruned:
    """Remove channels of a functional or Sequential keras.Model until it is within a budget.

    ``cost`` is a board (or its name, or a core), or a function that says what a keras.Model costs.
    ``samples`` (inputs, labels) and ``loss`` (labels, outputs) are for the criterion ``taylor``.
    Layers keep a multiple of ``multiple`` channels; by default what the kernels of the core like.
    ``iterations`` says in how many steps, equal ratios of the figure, the budget is reached, each
    followed by ``fine_tune(model)``, which trains the model it is given. ``rewind`` is an earlier
    state of the model (same layers): training starts from its weights again after every step, as
    for a lottery ticket. The model itself is not changed. The same arguments give the same result.

    Raises UnsupportedError for a model that cannot be pruned, BudgetError where the budget is out
    of reach, ConfigError and DataError for wrong arguments.
    """
    if iterations < 1 or (multiple is not None and multiple < 1):
        raise ConfigError("pruning needs iterations and multiple of at least 1; correct them")
    measured = gauge(cost, budget.figure)
    step = measured.multiple if multiple is None else multiple
    cost_before, before = now = measured.exact(model)
    target = budget.of(before)
    current, removed = model, dict[str, int]()
    for index in range(1, iterations + 1):
        limit = before * (target / before) ** (index / iterations) if target < before else target
        structure = analyse(current)
        shares = importance(current, structure, criterion, samples, loss, seed)
        gone, now = _least(current, structure, shares, measured, now, limit, step)
        for name, count in removed_channels(structure, gone).items():
            removed[name] = removed.get(name, 0) + count
        if rewind is None:
            current = without(current, structure, gone)
        else:
            plan = _twin(rewind, structure)
            current, rewind = (without(rewind, plan, gone) for _ in range(2))
        if fine_tune is not None:
            fine_tune(current)
        if fine_tune is not None or rewind is not None:
            # Weights decide too, if little: channels may have died or come back to life.
            now = measured.exact(current)
    cost_after, after = now
    return Pruned(current, removed, cost_before, cost_after, before, after)


def _least(
    model: Any,
    structure: Structure,
    shares: dict[int, float],
    measured: Gauge,
    now: tuple[Cost, float],
    limit: float,
    multiple: int,
) -> tuple[frozenset[int], tuple[Cost, float]]:
    """The fewest channels, in the order of removal, without which the model is within the limit.

    ``now`` is what the model takes with all of them; the second result what it takes without.
    """
    bundles = Bundles(structure)
    order = removal_order(bundles, shares, measured.rough(model, bundles), multiple)

    def gone(slabs: int) -> frozenset[int]:
        return frozenset(root for slab in order[:slabs] for root in slab)

    @cache
    def quick(slabs: int) -> float:
        return measured.quick(without(model, structure, gone(slabs)))

    @cache
    def exact(slabs: int) -> tuple[Cost, float]:
        return measured.exact(without(model, structure, gone(slabs))) if slabs else now

    slabs = fewest(len(order), quick, lambda slabs: exact(slabs)[1], limit)
    if slabs is None:
        raise BudgetError(
            f"model {model.name!r} cannot be pruned to {limit:.0f} {measured.figure}: with a "
            f"multiple of {multiple} channels left in every layer it still takes "
            f"{exact(len(order))[1]:.0f}; raise the budget or use a smaller multiple"
        )
    return gone(slabs), exact(slabs)


def _twin(rewind: Any, structure: Structure) -> Structure:
    """The structure of an earlier state of a model, whose channels have the same ids."""
    twin = analyse(rewind)
    shapes = [
        [[tuple(weight.shape) for weight in labelled.layer.weights] for labelled in each.layers]
        for each in (twin, structure)
    ]
    if shapes[0] != shapes[1]:
        raise ConfigError(
            f"the model to rewind to, {rewind.name!r}, has other layers than the one to prune; "
            "give an earlier state of the same model"
        )
    return twin
