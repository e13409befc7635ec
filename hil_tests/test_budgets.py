"""What an inference of the committed network may take: instructions, memory, energy."""

import pytest

from tinygen.report import budget

pytestmark = pytest.mark.slow

# Reading the counter and calling the layer, which the proof of the build does not count.
PER_LAYER = 120
PER_INFERENCE = 1_000


def proven_instructions(dut):
    """What the proof of the build counted, layer by layer."""
    counted = {layer.name: layer.instructions for layer in dut.built.report.layers}
    if None in counted.values():
        pytest.skip("built with --proof host, which counts no instructions")
    return counted


def test_an_inference_keeps_its_budget(dut):
    """What the proof of the build counted, and a little for the way there and back."""
    figures = dut.figures()
    if figures.instructions is None:
        pytest.skip("only an emulator counts instructions")
    proven = sum(proven_instructions(dut).values())
    assert proven <= figures.instructions <= proven + PER_INFERENCE


def test_every_layer_keeps_its_budget(dut):
    profile = dut.profile()
    if profile.unit != "instructions":
        pytest.skip("only an emulator counts instructions")
    proven = proven_instructions(dut)
    over = {
        layer.name: layer.mean - proven[layer.name]
        for layer in profile.layers
        if not 0 <= layer.mean - proven[layer.name] <= PER_LAYER
    }
    assert over == {}


@pytest.mark.board("nucleo_f746zg")
def test_the_committed_network_stays_as_fast_as_it_is(dut, samples):
    if samples.labels is None:
        pytest.skip("the budget is that of the committed network")
    report = dut.report(samples, limit=20)
    assert report.run.instructions is None or report.run.instructions < 95_000
    assert report.run.latency_ms < 0.5
    budget.enforce(report)


@pytest.mark.energy
def test_modelled_energy_follows_from_latency(dut):
    if dut.meter is not None:
        pytest.skip("energy is measured here")
    run = dut.report(limit=1).run
    if run.latency_ms is None:
        pytest.skip("neither cycles nor modelled cycles are known for this device")
    power = dut.board.power
    milliwatts = power.milliamps * power.volts * dut.board.clock.hz / power.at_hz
    assert run.energy_method == "modelled"
    assert run.energy_uj == pytest.approx(milliwatts * run.latency_ms, rel=1e-3)


@pytest.mark.energy
def test_measured_energy_repeats(dut):
    """What differs between windows is the meter and the temperature, not the work."""
    if dut.meter is None:
        pytest.skip("no meter is named; give --meter")
    energy = dut.energy()
    assert max(energy.joules) <= 1.1 * min(energy.joules)


def test_memory_stays_within_its_bounds(dut):
    dut.verify(limit=1)
    memory = dut.memory()
    planned = dut.built.report.memory.arena_bytes
    assert 0 <= memory.arena - planned < 16  # its alignment
    assert 0 < memory.arena_high_water <= memory.arena
    assert 0 < memory.stack_high_water < memory.stack


def test_memory_does_not_grow(dut):
    dut.verify(limit=2)
    before = dut.memory()
    dut.verify(limit=10)
    assert dut.memory().stack_high_water == before.stack_high_water
    assert dut.memory().static_ram == before.static_ram
