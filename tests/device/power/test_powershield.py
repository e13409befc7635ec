import time

import pytest

from device.power.instruments import ACTIVE_WATTS, PowerShieldInstrument, decimal, is_sample
from tinygen.device.power import powershield
from tinygen.device.power.powershield import PowerShield
from tinygen.errors import DeviceError, NoDeviceError


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(powershield, "_ANSWER_SECONDS", 0.3)


def measured(instrument, trigger="pin", seconds=0.02):
    """The windows of one measurement, around one pulse of the trigger pin."""
    meter = PowerShield(instrument.port, trigger)
    try:
        meter.supply(3.0)
        meter.start()
        time.sleep(seconds)
        if trigger == "pin":
            instrument.pulse(seconds)
        return meter.stop(seconds)
    finally:
        meter.close()


def test_the_instrument_writes_numbers_as_the_manual_says():
    assert decimal(640.9e-6) == "6409-07"
    assert decimal(16.5e-6) == "1650-08"
    assert is_sample(decimal(1.0))


@pytest.mark.parametrize("seconds", [0.02, 0.01234, 0.1])
def test_a_window_begins_at_the_trigger_and_lasts_as_long_as_the_board_says(seconds):
    with PowerShieldInstrument() as instrument:
        (window,) = measured(instrument, seconds=seconds)
    assert window.seconds == seconds
    assert window.joules == pytest.approx(ACTIVE_WATTS * seconds, rel=2e-3)


def test_without_a_trigger_the_host_delimits_the_window():
    with PowerShieldInstrument() as instrument:
        (window,) = measured(instrument, "software", 0.05)
    assert 0.05 <= window.seconds < 1
    assert window.joules == pytest.approx(ACTIVE_WATTS * window.seconds, rel=1e-3)


@pytest.mark.parametrize(("trigger", "source"), [("pin", "d7"), ("software", "sw")])
def test_the_meter_is_set_up_and_given_back(trigger, source):
    with PowerShieldInstrument() as instrument:
        meter = PowerShield(instrument.port, trigger)
        meter.supply(1.85)
        name = meter.name
        meter.close()
        deadline = time.monotonic() + 2
        while instrument.said[-1] != "hrc" and time.monotonic() < deadline:
            time.sleep(0.005)
    assert name == "PowerShield 1.0.6"
    assert instrument.said[0] == "htc"
    assert {"output energy", "format ascii_dec", "freq 5k", f"trigsrc {source}"} <= set(
        instrument.said
    )
    assert instrument.said[-3:] == ["volt 1850m", "pwr on", "hrc"]


@pytest.mark.parametrize(
    ("fault", "trigger", "said"),
    [
        ("silent", "pin", r"does not acknowledge 'htc' within 0\.3 s, it says nothing"),
        ("babble", "pin", r"does not acknowledge 'htc' .* it says 'login: "),
        ("few", "pin", r"sent only 0\.\d+ s of samples"),
        ("garbage", "pin", "is no sample"),
        ("damaged", "pin", "sent '640', which is no sample"),
        ("joined", "software", "sent '16506409-07', which is no sample"),
        ("overcurrent", "software", r"reports 'error overcurrent'.*50 mA"),
        ("endless", "software", "does not end its acquisition"),
    ],
)
def test_what_goes_wrong_is_one_sentence(fault, trigger, said):
    with PowerShieldInstrument(fault) as instrument:
        with pytest.raises(DeviceError, match=said) as caught:
            measured(instrument, trigger)
        assert instrument.port in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_refusal_tells_the_meters_reason():
    with (
        PowerShieldInstrument(refuses="volt") as instrument,
        pytest.raises(DeviceError, match=r"refuses 'volt 3000m': error .* out of range"),
    ):
        measured(instrument)


def test_a_pin_that_is_not_wired_is_told_of():
    with PowerShieldInstrument() as instrument:
        meter = PowerShield(instrument.port)
        meter.start()
        with pytest.raises(DeviceError, match=r"no edge .* D7, .* --trigger software"):
            meter.stop(0.01)
        meter.close()


def test_a_meter_can_be_used_again_after_a_bad_measurement():
    with PowerShieldInstrument("damaged") as instrument:
        meter = PowerShield(instrument.port)
        meter.start()
        instrument.pulse(0.02)
        with pytest.raises(DeviceError, match="is no sample"):
            meter.stop(0.02)
        instrument._fault = ""
        meter.start()
        instrument.pulse(0.02)
        (window,) = meter.stop(0.02)
        meter.close()
    assert window.joules == pytest.approx(ACTIVE_WATTS * 0.02, rel=2e-3)


def test_a_port_that_is_not_there():
    with pytest.raises(NoDeviceError, match="/dev/absent does not exist"):
        PowerShield("/dev/absent")
