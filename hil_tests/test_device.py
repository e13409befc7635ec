"""What must hold on every device."""

import zlib

import pytest

from tinygen import data, reference
from tinygen.device.faults import FaultyTransport
from tinygen.device.protocol import Command, FrameReader, encode

pytestmark = pytest.mark.slow


def expected_outputs(graph, inputs):
    values = reference.run(graph, inputs)
    return tuple(values[tensor].tobytes() for tensor in graph.outputs)


def test_random_inputs_give_the_bytes_of_the_reference(firmware_under_test, session):
    graph = firmware_under_test.model.graph
    samples = data.random(graph.inputs, 20)
    for index, inputs in enumerate(samples):
        outputs = session.infer(samples.raw(index)).outputs
        assert outputs == expected_outputs(graph, inputs)


def test_real_samples_are_classified_as_by_the_reference(firmware_under_test, session):
    graph, samples = firmware_under_test.model.graph, firmware_under_test.samples
    correct = 0
    for index, inputs in enumerate(samples):
        (output,) = session.infer(samples.raw(index)).outputs
        assert (output,) == expected_outputs(graph, inputs)
        scores = [int.from_bytes(bytes([byte]), signed=True) for byte in output]
        correct += scores.index(max(scores)) == samples.labels[index]
    assert correct >= 0.95 * len(samples)


def test_every_layer_gives_the_bytes_of_the_reference(firmware_under_test, session):
    compiled, samples = firmware_under_test.compiled, firmware_under_test.samples
    values = reference.run(compiled.graph, next(iter(samples)))
    expected = {
        layer.node.name: zlib.crc32(values[layer.node.output].tobytes())
        for layer in compiled.executed
    }
    names = [layer.name for layer in session.layers()]
    assert dict(zip(names, session.layer_hashes(samples.raw(0)), strict=True)) == expected


def test_the_profile_adds_up(firmware_under_test, session):
    raw = firmware_under_test.samples.raw(0)
    profile = session.profile(raw)
    assert len(profile) == len(firmware_under_test.compiled.executed)
    assert min(profile) > 0
    assert sum(profile) == pytest.approx(session.infer(raw).ticks, rel=0.05)


def test_several_runs_take_several_times_as_long(firmware_under_test, session):
    raw = firmware_under_test.samples.raw(0)
    once = session.measure(raw, 1).ticks
    assert session.measure(raw, 5).ticks == pytest.approx(5 * once, rel=0.05)


def test_memory_stays_within_its_bounds(firmware_under_test, session):
    session.infer(firmware_under_test.samples.raw(0))
    memory = session.memory()
    assert 0 <= memory.arena - firmware_under_test.compiled.plan.nbytes < 16  # its alignment
    assert 0 < memory.arena_high_water <= memory.arena
    assert 0 < memory.stack_high_water < memory.stack


def test_a_fault_is_recorded_and_survived(firmware_under_test, session):
    boot_id = session.device.boot_id
    session.provoke_fault(0)
    fault = session.fault(clear=True)
    assert fault.boot_id == boot_id
    told = firmware_under_test.board.cpu.mainline  # Armv6-M cannot
    assert fault.cfsr == (1 << 16 if told else 0)  # UNDEFINSTR
    assert session.fault() is None
    inputs = next(iter(firmware_under_test.samples))
    outputs = session.infer(firmware_under_test.samples.raw(0)).outputs
    assert outputs == expected_outputs(firmware_under_test.model.graph, inputs)


def test_a_reset_in_the_middle_of_a_sample_repeats_it(firmware_under_test, connect):
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

    graph, samples = firmware_under_test.model.graph, firmware_under_test.samples
    with connect(Resetting) as session:
        boot_id = session.device.boot_id
        inputs = next(iter(samples))
        assert session.infer(samples.raw(0)).outputs == expected_outputs(graph, inputs)
        assert session.device.boot_id != boot_id
        assert session.statistics.restarts == 1


def test_nothing_is_lost_on_a_bad_line(firmware_under_test, connect):
    def bad(line):
        return FaultyTransport(line, drop=0.05, corrupt=0.05, duplicate=0.05, seed=11)

    graph, samples = firmware_under_test.model.graph, firmware_under_test.samples
    with connect(bad) as session:
        for index, inputs in zip(range(50), samples, strict=False):
            assert session.infer(samples.raw(index)).outputs == expected_outputs(graph, inputs)
        assert session.statistics.retries > 0
