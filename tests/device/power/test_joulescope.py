import inspect
import sys

import numpy as np
import pytest

from device.power import vendors
from tinygen.device.power.joulescope import Joulescope, _Collector
from tinygen.errors import DeviceError, NoDeviceError, ToolchainError

# 3 ms at 0.1 W between 1 ms and 2 ms at 0.01 W, sampled every microsecond.
POWER = np.repeat(np.array([0.01, 0.1, 0.01], np.float32), [1000, 3000, 2000])
LEVEL = np.repeat(np.array([0, 1, 0], np.uint8), [1000, 3000, 2000])


def measured(meter):
    meter.supply(3.3)
    meter.start()
    return meter.stop(3e-3)


def test_a_window_is_where_the_trigger_is_high(monkeypatch):
    device = vendors.install_joulescope(monkeypatch, power=POWER, level=LEVEL)
    meter = Joulescope()
    assert meter.name == "Joulescope JS220-000123"
    for _ in range(2):
        (window,) = measured(meter)
        assert window.seconds == pytest.approx(3e-3)
        assert window.joules == pytest.approx(0.1 * 3e-3)
    assert device.parameters["current_lsb"] == "gpi0"
    meter.close()
    assert not device.is_open


def test_without_a_trigger_everything_counts(monkeypatch):
    vendors.install_joulescope(monkeypatch, power=POWER, level=LEVEL)
    (window,) = measured(Joulescope("software"))
    assert window.seconds == pytest.approx(6e-3)
    assert window.joules == pytest.approx(0.1 * 3e-3 + 0.01 * 3e-3)


def test_a_board_that_does_not_pull_the_trigger_gives_no_window(monkeypatch):
    vendors.install_joulescope(monkeypatch, power=POWER, level=np.zeros_like(LEVEL))
    assert measured(Joulescope()) == ()


HOLE = POWER.copy()
HOLE[2000:2010] = np.nan


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"fails_at": "open"}, r"opening the Joulescope failed \(timed out: open\)"),
        ({"fails_at": "current_lsb"}, "configuring the Joulescope failed"),
        ({"fails_at": "start"}, "starting the Joulescope failed"),
        ({}, "sent no samples"),
        ({"power": HOLE, "level": LEVEL}, "lost samples or was out of range"),
        ({"power": POWER, "level": LEVEL, "buffered": 500}, "lost samples"),
        ({"power": POWER, "level": LEVEL[:1500]}, "lost samples"),
        ({"power": POWER, "level": None}, "sent no samples|lost samples"),
    ],
)
def test_what_goes_wrong_is_one_sentence(monkeypatch, attributes, said):
    vendors.install_joulescope(monkeypatch, **attributes)
    with pytest.raises(DeviceError, match=said) as caught:
        measured(Joulescope())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("devices", "said"), [(0, "no devices found"), (2, "multiple devices")])
def test_there_must_be_exactly_one(monkeypatch, devices, said):
    vendors.install_joulescope(monkeypatch, devices)
    with pytest.raises(NoDeviceError, match=said):
        Joulescope()


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "joulescope", None)
    with pytest.raises(ToolchainError, match=r"joulescope; run `pip install 'tinygen\[power\]'`"):
        Joulescope()


@pytest.fixture
def package():
    return pytest.importorskip("joulescope", reason="needs joulescope (tinygen[power])")


def test_the_imitation_has_the_signatures_of_the_package(package):
    from joulescope.v1.device import Device

    for name, method in inspect.getmembers(vendors.Device, inspect.isfunction):
        if name.startswith("_"):
            continue
        real = inspect.signature(getattr(Device, name))
        assert list(inspect.signature(method).parameters) == list(real.parameters), name
    for name in ("buffer_duration", "output_sampling_frequency"):
        assert isinstance(getattr(Device, name), property)
    assert list(inspect.signature(package.scan_require_one).parameters) == ["name", "config"]


def test_the_package_knows_the_parameters_and_their_values(monkeypatch, package):
    from joulescope.parameters_v1 import name_to_value

    device = vendors.install_joulescope(monkeypatch)
    Joulescope()
    assert device.parameters
    for name, value in device.parameters.items():
        name_to_value(name, value)


def test_samples_are_taken_out_of_the_buffer_of_the_package(package):
    from joulescope.v1.stream_buffer import StreamBuffer

    buffer = StreamBuffer(1, 1_000_000, "js220", 1_000_000)
    signals = [((1, 0), POWER), ((2, 0), POWER), ((3, 0), POWER), ((5, 0), LEVEL)]
    chunk = 1200
    for key in ((4, 0), (5, 1)):
        buffer.buffers[key].active = False
    for key, _ in signals:
        buffer.buffers[key].active = True
    collector = _Collector()
    for begin in range(0, len(POWER), chunk):
        for (field, index), values in signals:
            data = values[begin : begin + chunk]
            packed = np.packbits(data, bitorder="little") if values is LEVEL else data
            message = {"field_id": field, "index": index, "sample_id": begin}
            message |= {"data": packed, "sample_rate": 1_000_000}
            buffer.insert("", message | {"decimate_factor": 1})
        collector.stream_notify(buffer)
    watts, high = collector.samples(False)
    assert np.array_equal(watts, POWER.astype(np.float64))
    assert np.array_equal(high, LEVEL == 1)
