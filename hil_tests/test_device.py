"""What must hold on every device."""

import dataclasses
import zlib

import numpy as np
import pytest

from tinygen import data, reference, trial
from tinygen.device.faults import Faults, FaultyTransport
from tinygen.device.protocol import Command, FrameReader, encode
from tinygen.errors import ProofError
from tinygen.progress import Silent

pytestmark = pytest.mark.slow


def test_random_inputs_give_the_bytes_of_the_reference(dut):
    outcome = dut.verify(limit=20)
    assert (outcome.samples, outcome.mismatches) == (20, 0)


def test_real_samples_are_classified_as_by_the_reference(dut, samples):
    if samples.labels is None:
        pytest.skip("no labels are known for the model of --firmware")
    assert dut.accuracy(samples) >= 0.95


def test_every_layer_gives_the_bytes_of_the_reference(dut, samples, compiled_graph):
    values = reference.run(compiled_graph, next(iter(samples)))
    expected = {
        node.name: zlib.crc32(values[node.output].tobytes()) for node in compiled_graph.nodes
    }
    names = [layer.name for layer in dut.session.layers()]
    hashes = dut.session.layer_hashes(samples.raw(0))
    assert hashes == tuple(expected[name] for name in names)


def test_the_first_layer_that_differs_is_named(dut, samples):
    """The reference is made wrong from one layer on: what differs is that layer, seen from here."""
    biased = [node for node in dut.graph.nodes if len(node.inputs) > 2 and node.inputs[2]]
    node = biased[len(biased) // 2]
    bias = node.input(2)
    other = dataclasses.replace(bias, data=bias.constant + 100_000)
    wrong = dut.graph.substitute(bias, other)
    few = data.Samples(tuple(array[:2] for array in samples.inputs))
    outcome = trial.run(dut.session, wrong, few, Silent())
    assert outcome.mismatches == outcome.samples
    assert (outcome.difference.sample, outcome.difference.layer) == (0, node.name)
    (bias_channels,) = bias.shape
    differs = outcome.difference.device != outcome.difference.expected
    assert 0 < differs.sum() <= differs.size
    assert differs.shape[-1] == bias_channels
    with pytest.raises(ProofError, match=node.name):
        outcome.enforce()


def test_the_profile_adds_up(dut, samples):
    raw = samples.raw(0)
    profile = dut.session.profile(raw)
    running = [layer for layer in dut.built.report.layers if layer.instructions != 0]
    assert len(profile) == len(running)
    assert min(profile) > 0
    assert sum(profile) == pytest.approx(dut.session.infer(raw).ticks, rel=0.05)


def test_several_runs_take_several_times_as_long(dut, samples):
    raw = samples.raw(0)
    once = dut.session.measure(raw, 1).ticks
    assert dut.session.measure(raw, 5).ticks == pytest.approx(5 * once, rel=0.05)


def test_a_fault_is_recorded_and_survived(dut):
    boot_id = dut.session.device.boot_id
    dut.session.provoke_fault(0)
    fault = dut.fault(clear=True)
    assert fault.boot_id == boot_id
    told = dut.board.cpu.mainline  # Armv6-M cannot
    assert fault.cfsr == (1 << 16 if told else 0)  # UNDEFINSTR
    assert dut.fault() is None
    dut.verify(limit=1)


def test_a_reset_starts_it_afresh(dut):
    boot_id = dut.session.device.boot_id
    assert dut.reset().boot_id != boot_id
    dut.verify(limit=1)


def test_a_line_that_was_closed_is_taken_up_again(dut, samples):
    inputs = [array[0] for array in samples.inputs]
    before = dut.infer(inputs)
    boot_id = dut.session.device.boot_id
    dut.reconnect()
    assert dut.session.device.boot_id == boot_id
    assert all(map(np.array_equal, dut.infer(inputs), before))
    assert all(map(np.array_equal, dut.expected(inputs), before))


def test_a_reset_in_the_middle_of_a_sample_repeats_it(dut):
    """The line resets the device, as a brown-out would, right after the inputs were written."""

    class Resetting:
        def __init__(self, line):
            self.name, self.baud = line.name, line.baud
            self._line = line
            self._runs = 0

        def write(self, data):
            (request,) = FrameReader().feed(data)
            if request.kind == Command.RUN and not self._runs:
                self._runs += 1
                self._line.write(encode(Command.RESET, request.sequence))
            self._line.write(data)

        def read(self, timeout):
            return self._line.read(timeout)

        def close(self):
            self._line.close()

    dut.reconnect(Resetting)
    boot_id = dut.session.device.boot_id
    dut.verify(limit=1)
    assert dut.session.device.boot_id != boot_id
    assert dut.session.statistics.taken_up == 1


def test_nothing_is_lost_on_a_bad_line(dut, samples):
    def bad(line):
        return FaultyTransport(line, Faults(drop=0.05, corrupt=0.05, duplicate=0.05), seed=11)

    dut.reconnect(bad)
    fifty = data.Samples(tuple(array[:50] for array in samples.inputs))
    assert dut.verify(fifty).samples == 50
    assert dut.session.statistics.retries > 0
