"""What becomes of what an agent says; the agent is a script here, and labgrid is not needed."""

import json
import shlex

import pytest

from tinygen.errors import ConfigError, DeviceError, NoDeviceError
from tinygen.progress import Silent
from tinygen.rig import place
from tinygen.rig.check import check
from tinygen.rig.coordinator import Coordinator
from tinygen.rig.installed import Labgrid

PLACE = {"name": "left", "tags": {"board": "nucleo_f746zg"}, "holder": None, "resources": []}
CONSOLE = {
    "name": "console",
    "cls": "NetworkSerialPort",
    "exporter": "bench",
    "avail": True,
    "params": {"host": "lab", "port": 4001, "protocol": "raw", "speed": 115200, "extra": {}},
}


@pytest.fixture
def saying(tmp_path):
    """A coordinator whose agent says these events, then waits for the end of its input."""

    def call(*events, then="cat > /dev/null", last=()):
        lines = "".join(f"echo {shlex.quote(json.dumps(event))}\n" for event in events)
        after = "".join(f"echo {shlex.quote(json.dumps(event))}\n" for event in last)
        (tmp_path / "python").write_text(f"#!/bin/sh\n{lines}{then}\n{after}")
        (tmp_path / "python").chmod(0o755)
        return Coordinator("lab", Labgrid(tmp_path))

    return call


def event(name, **facts):
    return {"event": name, **facts}


def with_console(**changes):
    params = CONSOLE["params"] | changes.pop("params", {})
    return place.Place(**PLACE | {"resources": [CONSOLE | changes | {"params": params}]})


def test_a_place_is_held_and_released(saying):
    released = [event("released", place="left")]
    asked = saying(event("acquired", place=PLACE), last=released)
    with asked.hold({"board": "nucleo_f746zg"}, Silent()) as held:
        assert held.name == "left"


def test_the_port_of_a_coordinator_may_be_left_out(saying):
    assert saying().address == "lab:20408"


def test_who_waits_is_told_for_whom(saying):
    told = []

    class Told(Silent):
        def step(self, text):
            told.append(text)

    busy = [event("waiting", places=[["left", "desk/ann"]])]
    freed = [event("freed", place="left", holder="desk/tinygen-bob-1")]
    with (
        pytest.raises(NoDeviceError, match=r"in 0.2 s \(left is with desk/ann\)"),
        saying(*busy, *freed).hold({"board": "x"}, Told(), wait=0.2),
    ):
        raise AssertionError
    assert told[1:] == [
        "waiting: left is with desk/ann",
        "freed left, which desk/tinygen-bob-1 had left behind",
    ]


@pytest.mark.parametrize(
    ("kind", "error", "said"),
    [
        ("absent", NoDeviceError, "at lab:20408 cannot be used: so it is"),
        ("missing", NoDeviceError, "has no place with board=x; `tinygen rig places`"),
        ("refused", DeviceError, r"refuses \(so it is\)"),
        ("lost", DeviceError, "went away"),
        ("taken", DeviceError, "was lost during the run, as so it is"),
    ],
)
def test_what_goes_wrong_is_one_sentence(saying, kind, error, said):
    with (
        pytest.raises(error, match=said),
        saying(event("error", kind=kind, said="so it is")).hold({"board": "x"}, Silent()),
    ):
        raise AssertionError


def test_a_labgrid_that_does_not_work_is_an_error(saying):
    with pytest.raises(DeviceError, match=r"stopped .*no such module"):
        saying(then="echo no such module >&2; exit 1").places()


def test_an_error_of_the_run_is_not_hidden_by_a_lost_board(saying):
    lost = [event("error", kind="taken", said="left now belongs to desk/ann")]
    with (
        pytest.raises(KeyError),
        saying(event("acquired", place=PLACE), last=lost).hold({}, Silent()),
    ):
        raise KeyError


def test_tags_come_from_a_board_and_from_pairs():
    wanted = {"board": "nucleo_f746zg", "power_meter": "yes"}
    assert place.tags("nucleo_f746", ["power_meter=yes"]) == wanted
    assert place.tags(None, []) == {}
    with pytest.raises(ConfigError, match="'power_meter' is not KEY=VALUE"):
        place.tags(None, ["power_meter"])


@pytest.mark.parametrize(("protocol", "scheme"), [("raw", "socket"), ("rfc2217", "rfc2217")])
def test_a_console_is_a_url(protocol, scheme):
    found = with_console(params={"protocol": protocol})
    assert (found.console, found.baud) == (f"{scheme}://lab:4001", 115_200)
    assert found.probe is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"avail": False}, "is plugged in at exporter bench"),
        ({"cls": "NetworkService"}, "has no serial ports"),
        ({"params": {"port": None}}, "see that ser2net is installed"),
        ({"params": {"extra": {"proxy_required": True}}}, "through a proxy"),
    ],
)
def test_a_console_that_cannot_be_used_says_why(changes, said):
    with pytest.raises(DeviceError, match=said):
        assert with_console(**changes).console


def test_check_finds_what_is_wrong_with_places(saying):
    unknown = PLACE | {"name": "right", "tags": {"board": "nucleo_f999"}, "resources": [CONSOLE]}
    nameless = PLACE | {"name": "none", "tags": {}, "resources": [CONSOLE]}
    fine = PLACE | {"name": "fine", "holder": "desk/ann", "resources": [CONSOLE]}
    asked = saying(event("places", places=[PLACE, unknown, nameless, fine]))
    found = {one.place: one for one in check(asked, {}, Silent(), greet=False)}
    assert "has no serial ports" in found["left"].faults[0]
    assert "'nucleo_f999' is not known" in found["right"].faults[0]
    assert "has no tag board" in found["none"].faults[0]
    assert (found["fine"].faults, found["fine"].holder) == ((), "desk/ann")
    with pytest.raises(NoDeviceError, match="has no place with board=mps2_an386"):
        check(asked, {"board": "mps2_an386"}, Silent(), greet=False)
