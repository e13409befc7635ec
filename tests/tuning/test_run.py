"""Tables made from object code, and what builds choose by them."""

import dataclasses
from pathlib import Path

import pytest
from tiny_models import two_convs
from tuning.sites import BOARD, bare

from tinygen.choice.search import Limits
from tinygen.compiler import compile_graph
from tinygen.kernels.conv_2d_portable import KERNEL as SLOW
from tinygen.progress import Silent
from tinygen.tuning import table as tables
from tinygen.tuning.identity import digest
from tinygen.tuning.pricing import Tuned
from tinygen.tuning.rounds import Candidates
from tinygen.tuning.run import tune

GRAPH = two_convs()


def compiled(pricing=None, **options):
    options = {"kernels": "tinygen", **options}
    return compile_graph(GRAPH, BOARD.cpu, pricing=pricing, **options)


def kernels(of):
    return [layer.implementation.kernel.name for layer in of.layers]


@pytest.fixture(scope="module")
def tuned():
    return tune(bare(GRAPH), None, Silent())


@pytest.fixture
def wrong(monkeypatch):
    """A kernel that claims to take one cycle."""
    honest = type(SLOW).implement

    def implement(self, node, core):
        return dataclasses.replace(honest(self, node, core), cycles=1.0)

    monkeypatch.setattr(type(SLOW), "implement", implement)


def test_every_kernel_of_every_layer_is_measured(tuned):
    table, comparison = tuned
    candidates = Candidates()
    compiled(candidates)
    offers = [(name, offer) for name, row in candidates.offers.items() for offer in row]
    digests = {digest(candidates.nodes[name], offer, BOARD.cpu) for name, offer in offers}
    assert {entry.digest for entry in table.entries} == digests
    assert all(entry.measured > 100 for entry in table.entries)
    assert comparison.images == max(map(len, candidates.offers.values()))
    assert sum(len(layer.candidates) for layer in comparison.layers) == len(offers)


def test_measurements_choose_what_takes_least(tuned):
    table, comparison = tuned
    for layer in comparison.layers:
        _, after = layer.chosen
        assert after.measured == min(candidate.measured for candidate in layer.candidates)
    assert comparison.totals[1] <= comparison.totals[0]
    chosen = compiled(Tuned(table, BOARD.cpu))
    assert kernels(chosen) == [layer.chosen[1].kernel for layer in comparison.layers]
    assert Tuned(table, BOARD.cpu).layers(chosen) == len(GRAPH.nodes)


def test_a_table_puts_a_wrong_estimate_right(wrong):
    assert set(kernels(compiled())) == {SLOW.name}
    table, comparison = tune(bare(GRAPH), None, Silent())
    assert len(comparison.changed) == len(comparison.layers)
    assert SLOW.name not in kernels(compiled(Tuned(table, BOARD.cpu)))
    assert comparison.totals[1] < comparison.totals[0]


def test_kernels_that_changed_since_are_chosen_for_by_estimate(tuned, wrong, monkeypatch):
    table, _ = tuned
    assert SLOW.name not in kernels(compiled(Tuned(table, BOARD.cpu)))
    honest = type(SLOW).implement

    def implement(self, node, core):
        changed = honest(self, node, core)
        return dataclasses.replace(changed, scratch_bytes=changed.scratch_bytes + 8)

    monkeypatch.setattr(type(SLOW), "implement", implement)
    assert set(kernels(compiled(Tuned(table, BOARD.cpu)))) == {SLOW.name}


def test_estimates_beside_measurements_are_in_the_unit_of_the_table(tuned):
    table, _ = tuned
    last = [entry for entry in table.entries if "1x5x4x3" in entry.inputs[0]]
    known = [entry for entry in table.entries if entry not in last]
    fewer = table.model_copy(update={"entries": tuple(known)})
    first, second = compiled(Tuned(fewer, BOARD.cpu)).selection.implementations
    scale = sum(e.measured for e in known) / sum(e.predicted for e in known)
    estimated = compiled().selection.implementations[1].cycles
    assert first.cycles == min(entry.measured for entry in known)
    assert second.cycles == pytest.approx(estimated * scale)


def test_limits_hold_with_a_table_too(tuned):
    table, _ = tuned
    smallest = compiled(objective="flash").selection.implementations
    limit = sum(implementation.flash_bytes for implementation in smallest) + 400
    chosen = compiled(Tuned(table, BOARD.cpu), limits=Limits(flash=limit))
    assert chosen.selection.optimal
    assert kernels(chosen) != kernels(compiled(Tuned(table, BOARD.cpu)))


def test_the_same_measurements_give_the_same_bytes(tuned):
    assert tune(bare(GRAPH), None, Silent())[0].json_text() == tuned[0].json_text()


def test_a_table_is_read_as_it_was_written(tuned, tmp_path):
    path = Path(tmp_path / "table.json")
    path.write_text(tuned[0].json_text())
    assert tables.read(path) == tuned[0]
