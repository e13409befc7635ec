"""Measure every kernel of every layer of a model, and say what that changes."""

from __future__ import annotations

from collections import defaultdict
from statistics import fmean
from typing import TYPE_CHECKING

from tinygen.choice.search import Limits
from tinygen.tuning import rounds
from tinygen.tuning.comparison import Candidate, Comparison, Layer
from tinygen.tuning.identity import described, digest
from tinygen.tuning.pricing import Tuned
from tinygen.tuning.rounds import Candidates
from tinygen.tuning.table import Conditions, Entry, Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tinygen.compiler import CompiledModel
    from tinygen.progress import Progress
    from tinygen.tuning.rounds import Picks
    from tinygen.tuning.site import Round, Site

    Taken = Mapping[tuple[str, int], int]


def tune(site: Site, max_flash: int | None, progress: Progress) -> tuple[Table, Comparison]:
    """The table of a model on a device, and how it compares with the estimates.

    ``max_flash``, in bytes, limits the choice with which rounds begin, and which is compared.
    Raises BudgetError when not even that choice fits the board; else as :meth:`Site.run` does.
    """
    board = site.device.board
    limits = Limits(flash=max_flash)
    candidates = Candidates()
    before = _picks(site.compiled(candidates, limits), candidates)
    counts = {name: len(candidates.offers[name]) for name in before}
    ran: list[Round] = []

    def measure(picks: Picks) -> Mapping[str, int]:
        progress.step(f"image {len(ran) + 1}: building and running it on {board.title}")
        ran.append(site.run(picks))
        return ran[-1].taken

    taken: dict[tuple[str, int], int] = {}
    for picks in rounds.rounds(counts, before):
        # The first measurement of a kernel counts, so that the order of rounds decides nothing.
        taken = rounds.measured(picks, before, measure) | taken
    table = Table(
        conditions=Conditions.of(board, site.objective),
        device=ran[0].kind,
        unit=ran[0].unit,
        entries=_entries(site, candidates, taken),
    )
    after = _picks(site.compiled(Tuned(table, board.cpu), limits), candidates)
    comparison = Comparison(
        model=site.model.graph.name,
        board=board.name,
        device=table.device,
        unit=table.unit,
        images=len(ran),
        layers=tuple(
            Layer(
                name=name,
                op=candidates.nodes[name].op,
                before=before[name],
                after=after[name],
                candidates=_candidates(name, candidates, taken),
            )
            for name in before
        ),
    )
    return table, comparison


def _picks(compiled: CompiledModel, candidates: Candidates) -> dict[str, int]:
    """Which of its candidates every layer runs, in execution order."""
    return {
        layer.node.name: [offer.kernel.name for offer in candidates.offers[layer.node.name]].index(
            layer.implementation.kernel.name
        )
        for layer in compiled.layers
    }


def _candidates(name: str, candidates: Candidates, taken: Taken) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(
            kernel=offer.kernel.name,
            predicted=round(offer.cycles),
            measured=taken.get((name, index)),
        )
        for index, offer in enumerate(candidates.offers[name])
    )


def _entries(site: Site, candidates: Candidates, taken: Taken) -> tuple[Entry, ...]:
    """One entry per digest; layers that agree in it share the mean of what they took."""
    same: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for name, pick in taken:
        offer = candidates.offers[name][pick]
        same[digest(candidates.nodes[name], offer, site.device.board.cpu)].append((name, pick))
    entries = []
    for found, agreeing in same.items():
        name, pick = agreeing[0]
        node, offer = candidates.nodes[name], candidates.offers[name][pick]
        entries.append(
            Entry(
                digest=found,
                kernel=offer.kernel.name,
                op=node.op,
                inputs=described(node.inputs),
                outputs=described(node.outputs),
                predicted=round(offer.cycles),
                measured=round(fmean(taken[key] for key in agreeing)),
            )
        )
    return tuple(sorted(entries, key=lambda entry: (entry.op, entry.kernel, entry.digest)))
