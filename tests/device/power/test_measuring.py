"""From the trigger pin of an emulated board, by an instrument, to joules; and contradictions."""

import contextlib
import shutil
from types import SimpleNamespace

import pytest

from device import images
from device.power.instruments import ACTIVE_WATTS, PowerShieldInstrument, wired
from tinygen import boards
from tinygen.config import Power
from tinygen.device.link import LostTrackError
from tinygen.device.power import measuring, open_meter, supplying
from tinygen.device.power.measuring import Energy
from tinygen.device.power.meter import Window
from tinygen.device.session import Session
from tinygen.device.transport import SerialTransport
from tinygen.errors import ConfigError, DeviceError
from tinygen.progress import Silent

NUCLEO = boards.load_board("nucleo_f746zg")
MPS = boards.load_board("mps2_an386")
HZ = 1_000_000


class Board:
    """A session with a board whose inferences take ``ticks`` microseconds."""

    def __init__(self, ticks=2_000, hz=HZ):
        self.device = SimpleNamespace(counter_hz=hz, board="fake")
        self.did = []
        self._ticks = ticks

    def write_input(self, index, data):
        self.did.append(("write", index, data))

    def run(self, count):
        self.did.append(("run", count))
        return SimpleNamespace(ticks=self._ticks * count)

    def measure(self, inputs, count):
        self.did.append(("measure", count))
        return SimpleNamespace(ticks=self._ticks * count)


class ScriptedMeter:
    """Says for each window what is next in its script."""

    name = "scripted"

    def __init__(self, *script):
        self._script = list(script)

    def start(self):
        pass

    def stop(self, seconds):
        return self._script.pop(0)


def measured(board, meter, **settings):
    return measuring.measure(board, meter, [b"in"], Power(**settings), Silent())


def test_the_figure_is_that_of_one_inference_with_its_spread():
    board = Board()
    meter = ScriptedMeter(*[(Window(0.2, joules),) for joules in (0.010, 0.012, 0.014)])
    energy = measured(board, meter, windows=3, inferences_per_window=100)
    assert energy.joules == pytest.approx((100e-6, 120e-6, 140e-6))
    assert (energy.mean, energy.deviation) == pytest.approx((120e-6, 20e-6))
    assert (energy.inferences, energy.outside, energy.modelled) == (100, 0.0, False)
    assert board.did == [("write", 0, b"in"), ("run", 100)] * 3


def test_the_time_of_copies_between_inferences_is_taken_out():
    meter = ScriptedMeter((Window(0.22, 0.022),))
    energy = measured(Board(), meter, windows=1, inferences_per_window=100)
    assert energy.joules == pytest.approx((200e-6,))
    assert energy.outside == pytest.approx(0.02 / 0.22)


def test_one_window_has_no_spread():
    assert Energy("m", (1.0,), 1, 0.0).deviation is None


def test_a_window_is_a_second_by_default():
    board = Board(ticks=3_000)
    energy = measured(board, ScriptedMeter((Window(1.002, 1.0),)), windows=1)
    assert energy.inferences == 334
    assert board.did[0] == ("measure", 1)


def test_a_slow_inference_is_measured_once():
    meter = ScriptedMeter((Window(3.0, 1.0),))
    assert measured(Board(ticks=3 * HZ), meter, windows=1).inferences == 1


def test_what_the_host_delimits_may_be_longer_and_says_by_how_much():
    meter = ScriptedMeter((Window(0.25, 1.0),), (Window(0.4, 1.0),))
    settings = {"windows": 2, "inferences_per_window": 100, "trigger": "software"}
    assert measured(Board(), meter, **settings).outside == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("found", "trigger", "said"),
    [
        ((), "pin", "scripted saw 0 windows where there was one"),
        ((Window(0.1, 1.0), Window(0.1, 1.0)), "pin", "saw 2 windows"),
        ((Window(0.3, 1.0),), "pin", r"window of 0\.3\d* s, but the board ran for 0\.2"),
        ((Window(0.1, 1.0),), "pin", "but the board ran for"),
        ((Window(0.1, 1.0),), "software", "but the board ran for"),
    ],
)
def test_a_meter_that_contradicts_the_board_is_not_believed(found, trigger, said):
    with pytest.raises(DeviceError, match=said):
        measured(Board(), ScriptedMeter(found), inferences_per_window=100, trigger=trigger)


@pytest.mark.parametrize(("hz", "ticks"), [(0, 10), (HZ, 0)])
def test_a_board_that_cannot_tell_the_time_is_not_measured(hz, ticks):
    with pytest.raises(ConfigError, match="does not tell how long an inference takes"):
        measured(Board(ticks, hz), ScriptedMeter())


def test_a_board_that_browns_out_is_told_of():
    class Weak(Board):
        def run(self, count):
            raise LostTrackError("reset")

    with pytest.raises(DeviceError, match="can supply what the board takes"):
        measured(Weak(), ScriptedMeter(), inferences_per_window=1)


@pytest.mark.parametrize(
    "specification",
    ["powershield", "ppk2", "joulescope:1", "modelled:x", "ammeter", "ammeter:1", ""],
)
def test_a_meter_that_there_is_not_is_one_sentence(specification):
    with pytest.raises(ConfigError, match=r"is not one of powershield:PORT, joulescope, ppk2:PORT"):
        open_meter(specification, NUCLEO, "pin")


def test_a_board_without_a_pin_needs_the_host_to_delimit():
    with pytest.raises(ConfigError, match=r"mps2_an386 has no trigger pin.*--trigger software"):
        open_meter("joulescope", MPS, "pin")


def test_modelled_energy_is_current_times_voltage_times_time():
    energy = measuring.modelled(NUCLEO, 2e-3)
    assert energy.joules == pytest.approx((0.102 * 3.3 * 2e-3,))
    assert energy.modelled
    slower = NUCLEO.clock.model_copy(update={"hz": NUCLEO.power.at_hz // 2})
    slow = measuring.modelled(NUCLEO.model_copy(update={"clock": slower}), 2e-3)
    assert slow.mean == pytest.approx(energy.mean / 2)


def test_the_modelled_meter_is_a_meter():
    meter = open_meter("modelled", NUCLEO, "pin")
    meter.supply(1.65)
    meter.start()
    assert meter.stop(1.0) == (Window(1.0, pytest.approx(0.102 * 1.65)),)
    meter.close()


def test_a_board_without_figures_cannot_be_modelled():
    with (
        pytest.raises(ConfigError, match="mps2_an386 has no power figures"),
        supplying(Power(meter="modelled"), MPS, emulated=True),
    ):
        pass


def test_an_emulated_board_cannot_be_measured():
    with (
        pytest.raises(ConfigError, match="draws no current"),
        supplying(Power(meter="powershield:/dev/absent"), NUCLEO, emulated=True),
    ):
        pass


@pytest.mark.parametrize(("volts", "command"), [(None, "volt 3300m"), (1.8, "volt 1800m")])
def test_the_meter_supplies_the_board_and_is_let_go(volts, command):
    with PowerShieldInstrument() as instrument:
        settings = Power(meter=f"powershield:{instrument.port}", volts=volts)
        with supplying(settings, NUCLEO, emulated=False) as meter:
            assert meter.name == "PowerShield 1.0.6"
            assert instrument.said[-2:] == [command, "pwr on"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="needs arm-none-eabi-gcc")
@pytest.mark.parametrize("name", ["nucleo_f746zg", "nrf52840_dk"])
def test_the_pin_of_an_emulated_board_delimits_the_windows_of_an_instrument(tmp_path, name):
    board = boards.load_board(name)
    inputs = [bytes(48), bytes(2)]
    settings = Power(windows=3, inferences_per_window=200)
    with (
        wired(board, images.build(name).elf, tmp_path) as (emulator, instrument),
        contextlib.closing(open_meter(f"powershield:{instrument.port}", board, "pin")) as meter,
        Session(SerialTransport(emulator.url, board.console.baud)) as session,
    ):
        energy = measuring.measure(session, meter, inputs, settings, Silent())
        seconds = session.measure(inputs, 200).ticks / session.device.counter_hz / 200
    assert energy.meter == "PowerShield 1.0.6"
    # The pin was high for the inferences and the copies of their inputs, and for nothing else.
    high = instrument.pulses[:3]
    assert high == pytest.approx([200 * seconds] * 3, rel=0.02)
    assert min(high) > 200 * seconds
    assert energy.joules == pytest.approx([ACTIVE_WATTS * seconds] * 3, rel=5e-3)
    assert energy.deviation < 1e-3 * energy.mean
    assert energy.outside == 0
