"""``tinygen test`` against devices that answer, and against ports that do not."""

import hashlib
import json
import os
import pty
import threading
import tty

import built_loopback
import numpy as np
import pytest
from built_loopback import GRAPH, MODEL, REPORT

from tinygen import built, cli, data, reference


@pytest.fixture
def folder(tmp_path):
    return built_loopback.folder(tmp_path)


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    with built_loopback.device(tmp_path_factory.mktemp("device")) as url:
        yield url


@pytest.fixture
def run(folder, capsys):
    """Run ``tinygen test`` on the folder: exit code, standard output, last line of errors."""

    def call(*arguments):
        code = cli.run(["test", str(folder), *map(str, arguments)])
        captured = capsys.readouterr()
        lines = captured.err.splitlines()
        return code, captured.out, lines[-1] if lines else ""

    return call


def samples(folder, count, wrong=0):
    """A data file with labels of which the last ``wrong`` are wrong."""
    drawn = data.random(GRAPH.inputs, count)
    classes = GRAPH.outputs[0].size
    labels = [int(np.argmax(reference.run(GRAPH, x)[GRAPH.outputs[0]])) for x in drawn]
    labels[count - wrong :] = [(label + 1) % classes for label in labels[count - wrong :]]
    np.savez(folder / "samples.npz", x=drawn.inputs[0][:, 0], y=np.array(labels))
    return folder / "samples.npz"


def test_random_inputs_without_data(run, device):
    code, out, _ = run("--port", device, "--json", "-")
    report = json.loads(out)
    assert code == 0
    assert report["run"]["samples"] == 20
    assert report["run"]["correct"] is report["run"]["accuracy"] is None
    assert report["exact"]["proofs"][-1] == {
        "name": "outputs of nucleo_f746zg (board)",
        "inputs": 20,
        "mismatches": 0,
    }


def test_accuracy_with_data(run, folder, device):
    data_file = samples(folder, 10, wrong=3)
    code, out, _ = run("--port", device, "--data", data_file, "--json", "-")
    figures = json.loads(out)["run"]
    assert code == 0
    assert (figures["samples"], figures["correct"], figures["accuracy"]) == (10, 7, 0.7)


def test_a_limit(run, folder, device):
    _, out, _ = run("--port", device, "--data", samples(folder, 10), "--limit", 4, "--json", "-")
    assert json.loads(out)["run"]["samples"] == 4


def test_an_accuracy_gate(run, folder, device):
    (folder / "gate.toml").write_text("[budget]\naccuracy = 0.8\n")
    data_file = samples(folder, 10, wrong=3)
    code, out, said = run(
        "--port", device, "--data", data_file, "--config", folder / "gate.toml", "--json", "-"
    )
    assert code == 1
    assert "accuracy is 0.7, under its budget of 0.8" in said
    assert json.loads(out)["budgets"][0]["passed"] is False


def test_cycles_are_not_made_of_other_ticks(run, device):
    figures = json.loads(run("--port", device, "--json", "-")[1])["run"]
    assert figures["cycles"] is None
    assert figures["latency_ms"] is None
    assert figures["energy_uj"] is None


def test_a_device_with_another_model_is_refused(run, folder, device):
    other = MODEL + b"\0" * 8
    sha256 = hashlib.sha256(other).hexdigest()
    model = REPORT.model.model_copy(update={"sha256": sha256})
    built.write(folder, other, REPORT.updated(model=model))
    code, out, said = run("--port", device)
    assert code == 4
    assert out == ""
    assert "model" in said


def test_a_device_with_another_build_of_the_model_is_refused(run, folder, device):
    built.write(folder, MODEL, REPORT.updated(build_id="ff" * 16))
    code, out, said = run("--port", device)
    assert (code, out) == (4, "")
    assert "runs build 0001020304050607 instead of ffffffffffffffff; flash the image" in said


def test_a_build_that_does_not_say_which_it_is_is_not_compared(run, folder, device):
    built.write(folder, MODEL, REPORT.updated(build_id=None))
    assert run("--port", device)[0] == 0


def test_no_board_plugged_in_names_the_emulator(run, monkeypatch):
    monkeypatch.setattr("serial.tools.list_ports.comports", list)
    code, _, said = run("--board", "nucleo_f746")
    assert code == 4
    assert "--emulator" in said


def test_a_port_that_does_not_exist(run, folder):
    code, _, said = run("--port", folder / "absent")
    assert code == 4
    assert "absent does not exist" in said


@pytest.fixture
def line():
    """A serial line: our end, and the name of the end that tinygen opens."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    yield ours, os.ttyname(theirs)
    os.close(ours)
    os.close(theirs)


@pytest.mark.slow
def test_a_silent_port(run, line):
    code, out, said = run("--port", line[1])
    assert (code, out) == (4, "")
    assert "no answer within" in said
    assert "0 bytes received" in said


@pytest.mark.slow
def test_a_noisy_port(run, line):
    stop = threading.Event()

    def chatter():
        while not stop.wait(0.01):
            os.write(line[0], b"hello from another firmware\r\n")

    noise = threading.Thread(target=chatter)
    noise.start()
    code, out, said = run("--port", line[1])
    stop.set()
    noise.join()
    assert (code, out) == (4, "")
    assert "hello from another" in said


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": np.zeros((3, 4, 5, 2), np.int8)}, "save it with shape (samples, 5, 4, 2)"),
        ({"x": np.zeros((3, 5, 4, 2), np.uint8)}, "uint8"),
        ({"inputs": np.zeros((3, 5, 4, 2), np.int8)}, "no array 'x'"),
        ({"x": np.zeros((3, 5, 4, 2), np.int8), "y": np.array([0, 1, 99])}, "from 0 to 99"),
    ],
)
def test_data_that_does_not_fit(run, folder, device, arrays, said):
    np.savez(folder / "samples.npz", **arrays)
    code, out, sentence = run("--port", device, "--data", folder / "samples.npz")
    assert (code, out) == (2, "")
    assert said in sentence


def test_a_port_and_an_emulator_exclude_each_other(run):
    assert run("--port", "x", "--emulator")[0] == 2


def test_firmware_for_another_board(run):
    code, _, said = run("--board", "nucleo_f446re")
    assert code == 2
    assert "is for nucleo_f746zg, not for nucleo_f446re" in said


def test_a_model_that_was_exchanged_after_the_build(run, folder):
    (folder / "model.tflite").write_bytes(MODEL + b"\0")
    code, _, said = run("--emulator")
    assert code == 2
    assert "build it again" in said


def test_a_folder_without_a_build(run, folder):
    (folder / "report.json").unlink()
    code, _, said = run("--emulator")
    assert code == 2
    assert "run 'tinygen build' first" in said
