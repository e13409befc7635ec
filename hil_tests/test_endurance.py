"""Many inferences: the last must be as the first."""

import zlib

import pytest

pytestmark = pytest.mark.slow

INFERENCES, AT_ONCE = 10_000, 1_000
# Once in 2^27 cycles an interrupt looks at the cycle counter, lest it wrap unseen.
INTERRUPT = 100


def output_crcs(dut):
    outputs = range(len(dut.session.device.output_bytes))
    return tuple(zlib.crc32(dut.session.read_output(index)) for index in outputs)


def test_ten_thousand_inferences_do_not_drift(dut, samples):
    """The device repeats the inference by itself; outputs and times are looked at in between."""
    raw = samples.raw(0)
    expected = tuple(
        zlib.crc32(output.tobytes()) for output in dut.expected([a[0] for a in samples.inputs])
    )
    hashes = dut.session.layer_hashes(raw)
    boot_id = dut.session.device.boot_id
    ticks = []
    for _ in range(0, INFERENCES, AT_ONCE):
        ticks.append(dut.session.measure(raw, AT_ONCE).ticks)
        assert output_crcs(dut) == expected
    assert dut.session.layer_hashes(raw) == hashes
    assert dut.session.device.boot_id == boot_id
    assert dut.fault() is None
    if dut.kind == "unicorn":
        assert max(ticks) - min(ticks) < INTERRUPT
    assert max(ticks) == pytest.approx(min(ticks), rel=0.01)
