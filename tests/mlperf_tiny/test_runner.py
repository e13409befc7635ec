"""What the official runner is given, read as it reads that."""

import csv
import importlib.util
from types import SimpleNamespace

import mlperf_host
import numpy as np
import pytest
import yaml
from serial.tools import list_ports

from tinygen import boards
from tinygen.data import Samples
from tinygen.errors import ConfigError, DataError
from tinygen.mlperf_tiny import benchmarks, prepare, runner, views
from tinygen.mlperf_tiny.personality import Record

NUCLEO = boards.load_board("nucleo_f746")


def plan(name="kws", latency=0.0139, seconds=11, board=NUCLEO, emulated=False, mode="performance"):
    record = Record(benchmarks.benchmark(name), mode)
    return runner.plan(board, record, latency, seconds, emulated=emulated)


@pytest.mark.parametrize(
    ("latency", "inferences"), [(0.0139, 792), (0.0005, 22_000), (11.0, 1), (12.5, 1), (5.6, 2)]
)
def test_windows_are_long_enough_and_not_too_long(latency, inferences):
    tests = plan(latency=latency)
    assert tests.inferences == inferences
    assert 11 <= tests.window < 30
    assert tests.counts


def test_short_windows_are_not_for_submission(tmp_path):
    tests = plan(seconds=1)
    assert not tests.counts
    text = views.text(prepare.Prepared(tests, tmp_path, tmp_path, None, False))
    assert "not for submission: a window must take 10 s to 30 s" in text


def test_an_inference_that_takes_too_long():
    with pytest.raises(ConfigError, match=r"an inference takes 30\.0 s on nucleo_f746zg"):
        plan(latency=30.0)


def test_the_device_file_finds_the_board():
    devices = yaml.safe_load(runner.render(plan("ad"), None)["devices.yaml"])
    (dut,) = (device for device in devices if device["type"] == "dut")
    assert dut["usb"] == {0x0483: [0x374B]}
    assert dut["check_name"] == "nucleo_f746zg"
    assert dut["baud"] == {"accuracy": 921_600, "performance": 921_600, "energy": 9600}
    assert {device["type"] for device in devices} == {"dut", "interface", "power"}


@pytest.mark.parametrize("name", ["kws", "ic", "vww", "ad"])
def test_the_scripts_are_those_of_the_model(name):
    files = runner.render(plan(name), None)
    model_id = benchmarks.benchmark(name).model_id
    scripts = {mode: yaml.safe_load(files[f"tests_{mode}.yaml"])[model_id] for mode in runner.MODES}
    assert scripts["accuracy"]["script"] == [{"loop": ["download", "infer 1 0"]}]
    for mode in ("performance", "energy"):
        assert scripts[mode]["script"] == [{"loop 5": ["download", "infer 792 10"]}]
        assert scripts[mode]["model"] == model_id


@pytest.mark.parametrize("board", ["nucleo_f746", "mps2_an386"])
def test_an_emulated_board_is_listed_as_a_port(tmp_path, monkeypatch, board):
    tests = plan(board=boards.load_board(board), emulated=True)
    files = runner.render(tests, tmp_path / "the port")
    monkeypatch.setattr(
        list_ports, "comports", lambda include_links=False: [SimpleNamespace(vid=1)]
    )
    path = tmp_path / "sitecustomize.py"
    path.write_text(files["ports/sitecustomize.py"])
    spec = importlib.util.spec_from_file_location("shim", path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    first, port = list_ports.comports(True)
    assert first.vid == 1
    assert port.device == str(tmp_path / "the port")
    (dut,) = (d for d in yaml.safe_load(files["devices.yaml"]) if d["type"] == "dut")
    assert port.pid in dut["usb"][port.vid]


def test_a_board_without_usb_ids_is_left_to_the_person():
    text = runner.render(plan(board=boards.load_board("mps2_an386")), None)["devices.yaml"]
    assert "name those of the adapter" in text
    assert yaml.safe_load(text)[0]["usb"] == {}


def data_set(name, stored, labels):
    model = mlperf_host.graph(name)
    return runner.data_set(benchmarks.benchmark(name), model, Samples((stored,), labels))


def test_samples_as_the_runner_reads_them():
    files = data_set("ic", mlperf_host.samples("ic", 2), np.array([3, 9]))
    rows = list(csv.reader(files["y_labels.csv"].decode().splitlines()))
    assert rows == [["sample_00000.bin", "10", "3"], ["sample_00001.bin", "10", "9"]]
    sent = np.frombuffer(files["sample_00001.bin"], np.uint8).astype(int)
    assert (sent - 128 == mlperf_host.samples("ic", 2)[1]).all()


def test_floats_go_to_anomaly_detection():
    stored = mlperf_host.samples("ad", 1)
    files = data_set("ad", stored, np.array([1]))
    assert files["y_labels.csv"] == b"sample_00000.bin,2,1,2560,512\n"
    sent = np.frombuffer(files["sample_00000.bin"], "<f4")
    assert (sent / 0.125 - 5 == stored[0]).all()


def test_keywords_go_as_they_are():
    stored = mlperf_host.samples("kws", 1)
    files = data_set("kws", stored, np.array([0]))
    assert files["sample_00000.bin"] == stored.tobytes()


def test_samples_without_classes():
    with pytest.raises(DataError, match="no classes; save these under y"):
        data_set("kws", mlperf_host.samples("kws", 1), None)
