import inspect
import sys
import time

import pytest

from device.power import vendors
from device.power.instruments import Ppk2Instrument
from tinygen.device.power.ppk2 import Ppk2
from tinygen.errors import ConfigError, DeviceError, NoDeviceError, ToolchainError

# 100 samples at 50 mA where the trigger is high, others at 2 mA; other inputs are high as well.
SCRIPT = [(20, 0b1110)] * 30 + [(500, 0b1111)] * 100 + [(20, 0b0110)] * 30


def measured(meter, volts=3.0):
    meter.supply(volts)
    meter.start()
    return meter.stop(1e-3)


def test_a_window_is_where_the_trigger_is_high(monkeypatch):
    kit = vendors.install_ppk2(monkeypatch, script=SCRIPT)
    meter = Ppk2("port")
    for _ in range(2):
        (window,) = measured(meter)
        assert window.seconds == pytest.approx(1e-3)
        assert window.joules == pytest.approx(3.0 * 0.05 * 1e-3)
    meter.close()
    assert kit.last.did[:3] == ["source", 3000, "ON"]
    assert kit.last.ser.closed


def test_without_a_trigger_everything_counts(monkeypatch):
    vendors.install_ppk2(monkeypatch, script=SCRIPT)
    (window,) = measured(Ppk2("port", "software"))
    assert window.seconds == pytest.approx(1.6e-3)
    assert window.joules == pytest.approx(3.0 * (0.05 * 1e-3 + 0.002 * 0.6e-3))


def test_windows_that_reach_over_an_end_are_left_out(monkeypatch):
    vendors.install_ppk2(monkeypatch, script=SCRIPT[40:] + SCRIPT + SCRIPT[:60])
    (window,) = measured(Ppk2("port"))
    assert window.seconds == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"calibrated": False}, "does not tell a PPK2's calibration"),
        ({"script": []}, "sent no samples"),
        ({"script": SCRIPT, "counter_step": 3}, "lost samples"),
        ({"script": [(0x3FFF, 1)] * 50}, "out of its range"),
    ],
)
def test_what_goes_wrong_is_one_sentence(monkeypatch, attributes, said):
    vendors.install_ppk2(monkeypatch, **attributes)
    with pytest.raises(DeviceError, match=said) as caught:
        measured(Ppk2("port"))
    assert "\n" not in str(caught.value)


def test_an_exception_of_the_package_becomes_one_sentence(monkeypatch):
    vendors.install_ppk2(monkeypatch)
    meter = Ppk2("port")
    meter.close()
    with pytest.raises(DeviceError, match=r"starting the PPK2 at port failed \(the port is closed"):
        meter.start()


@pytest.mark.parametrize("volts", [0.7, 5.1])
def test_a_voltage_that_the_package_would_silently_change_is_refused(monkeypatch, volts):
    vendors.install_ppk2(monkeypatch)
    with pytest.raises(ConfigError, match=r"0\.8 to 5\.0 V"):
        Ppk2("port").supply(volts)


def test_a_port_that_is_not_there(monkeypatch):
    vendors.install_ppk2(monkeypatch)
    with pytest.raises(NoDeviceError, match="/dev/absent cannot be opened"):
        Ppk2("/dev/absent")


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ppk2_api", None)
    with pytest.raises(ToolchainError, match=r"ppk2-api; run `pip install 'tinygen\[power\]'`"):
        Ppk2("port")


@pytest.fixture
def package():
    return pytest.importorskip("ppk2_api.ppk2_api", reason="needs ppk2-api (tinygen[power])")


def test_the_imitation_has_the_signatures_of_the_package(package):
    for name, method in inspect.getmembers(vendors.PPK2_API, inspect.isfunction):
        real = inspect.signature(getattr(package.PPK2_API, name))
        assert list(inspect.signature(method).parameters) == list(real.parameters), name


@pytest.mark.parametrize("fault", ["", "cut"])
def test_the_package_and_an_instrument(package, fault):
    with Ppk2Instrument(fault) as instrument:
        meter = Ppk2(instrument.port)
        meter.supply(1.8)
        for _ in range(3):
            meter.start()
            wait_for(lambda: instrument._streaming)
            instrument.pulse(0.01)
            (window,) = meter.stop(0.01)
            assert window.seconds == pytest.approx(0.01)
            amperes = instrument.amperes(instrument.ADC_ACTIVE)
            assert window.joules == pytest.approx(1.8 * amperes * 0.01)
        meter.close()
        assert instrument.millivolts == 1800
        assert instrument.powered


@pytest.mark.parametrize(
    ("fault", "said"),
    [("dumb", "calibration|configuring"), ("gap", "lost"), ("overrange", "out of")],
)
def test_the_package_and_a_faulty_instrument(package, fault, said):
    with Ppk2Instrument(fault) as instrument, pytest.raises(DeviceError, match=said):
        one_pulse(instrument)


def one_pulse(instrument):
    meter = Ppk2(instrument.port)
    meter.supply(1.8)
    meter.start()
    wait_for(lambda: instrument._streaming)
    instrument.pulse(0.01)
    return meter.stop(0.01)


def wait_for(happened):
    deadline = time.monotonic() + 2
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.002)
