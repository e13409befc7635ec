"""Every kernel of every layer in as few firmware images as possible.

One image holds a whole network, so in round k every layer runs its k-th kernel, and there are as
many rounds as the layer with the most kernels has. A round that does not fit the board is halved.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tinygen.errors import BudgetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tinygen.ir import Node
    from tinygen.kernels.base import Implementation

    Picks = Mapping[str, int]
    """Per layer, by name, which of its kernels runs."""


@dataclass
class Candidates:
    """Collects the kernels that selection considers, while it does; nothing else is changed."""

    nodes: dict[str, Node] = field(default_factory=dict)
    offers: dict[str, tuple[Implementation, ...]] = field(default_factory=dict)

    def __call__(self, node: Node, offers: Sequence[Implementation]) -> Sequence[Implementation]:
        """The offers as they are."""
        self.nodes[node.name] = node
        self.offers[node.name] = tuple(offers)
        return offers


@dataclass(frozen=True)
class Only:
    """Leaves selection one kernel per layer."""

    picks: Picks

    def __call__(self, node: Node, offers: Sequence[Implementation]) -> Sequence[Implementation]:
        """The one offer."""
        return [offers[self.picks[node.name]]]


def rounds(counts: Mapping[str, int], base: Picks) -> Iterator[dict[str, int]]:
    """Picks that together run every kernel of every layer, beginning with ``base``.

    ``counts`` says how many kernels a layer has. A layer whose kernels have all had their turn runs
    that of ``base``.
    """
    for turn in range(max(counts.values())):
        yield {
            name: _nth(turn, base[name]) if turn < count else base[name]
            for name, count in counts.items()
        }


def _nth(turn: int, first: int) -> int:
    """The kernel of a turn, when ``first`` is drawn to the front of the order."""
    if turn == 0:
        return first
    return turn - 1 if turn <= first else turn


def measured(
    picks: Picks, base: Picks, measure: Callable[[Picks], Mapping[str, int]]
) -> dict[tuple[str, int], int]:
    """What each layer's kernel took, by (layer, kernel); without what fits the board in no way.

    ``measure`` runs some picks and raises BudgetError when they do not fit; ``base`` must, or this
    raises it too.
    """
    try:
        taken = measure(picks)
    except BudgetError:
        others = [name for name in picks if picks[name] != base[name]]
        if not others:
            raise
        if len(others) == 1:
            return {}
        found: dict[tuple[str, int], int] = {}
        for half in (others[: len(others) // 2], others[len(others) // 2 :]):
            fewer = {name: picks[name] if name in half else base[name] for name in picks}
            found |= measured(fewer, base, measure)
        return found
    # A layer that needs no code does not run, and takes nothing.
    return {(name, pick): taken.get(name, 0) for name, pick in picks.items()}
