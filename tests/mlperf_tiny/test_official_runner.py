"""The official runner of MLPerf Tiny, as it is, drives the reference models on an emulated F746.

TINYGEN_MLPERF_RUNNER names the folder benchmark/runner of github.com/mlcommons/tiny; the runner
itself needs pyyaml, scikit-learn and matplotlib.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import mlperf_host
import numpy as np
import pytest
from mlperf_host import emulate

from tinygen import cli
from tinygen.frontend import tflite
from tinygen.mlperf_tiny import benchmarks

RUNNER = Path(os.environ.get("TINYGEN_MLPERF_RUNNER", "absent"))
MODELS = Path(os.environ.get("TINYGEN_MODELS", "absent"))
FILES = {
    "kws": "kws_ref_model.tflite",
    "ic": "pretrainedResnet_quant.tflite",
    "vww": "vww_96_int8.tflite",
    "ad": "ad01_int8.tflite",
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.reference,
    pytest.mark.skipif(
        not (RUNNER / "main.py").is_file(),
        reason="TINYGEN_MLPERF_RUNNER does not name benchmark/runner of github.com/mlcommons/tiny",
    ),
    pytest.mark.skipif(
        not MODELS.is_dir(), reason="TINYGEN_MODELS does not name the reference models"
    ),
    pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="needs arm-none-eabi-gcc"),
]


def run(name, mode, samples, folder, *options):
    """Build, prepare and drive a benchmark: what the runner has noted, by sample or window."""
    model, firmware, out = MODELS / "models" / FILES[name], folder / "firmware", folder / "out"
    kind = ["--personality", "mlperf-tiny", "--kernels", "tinygen", "--proof", "host"]
    for arguments in (
        ["build", model, "--board", "nucleo_f746", *kind, "-o", firmware],
        ["mlperf", firmware, "--emulator", "--data", samples, "-o", out, *options],
    ):
        assert cli.run([str(argument) for argument in arguments]) == 0
    # The runner also looks for meters without a serial port; there is none here.
    (folder / "usb").mkdir()
    (folder / "usb" / "__init__.py").touch()
    (folder / "usb" / "core.py").write_text("def find(find_all):\n    return []\n")
    with emulate(firmware, "--link", f"{out}.port") as (board, _):
        done = subprocess.run(
            [
                *(sys.executable, RUNNER.resolve() / "main.py", "-m", mode[0]),
                *("-d", out / "devices.yaml", "-t", out / f"tests_{mode}.yaml"),
                *("-s", out / "datasets"),
            ],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": f"{out / 'ports'}:{folder}"},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        board.send_signal(signal.SIGTERM)
    assert done.returncode == 0, done.stdout + done.stderr
    (session,) = (folder / "sessions").iterdir()
    return json.loads((session / "results.json").read_text()), (session / "results.txt").read_text()


def synthetic(name, count, folder):
    """A file of random samples with all classes, and the samples."""
    stored = mlperf_host.samples(name, count)
    graph = tflite.read((MODELS / "models" / FILES[name]).read_bytes(), name)
    classes = 2 if name == "ad" else benchmarks.benchmark(name).outputs
    shape = (count, *graph.inputs[0].shape[1:])
    np.savez(folder / "samples.npz", x=stored.reshape(shape), y=np.arange(count) % classes)
    return folder / "samples.npz", graph, stored


def test_keywords_are_recognised_as_on_the_host(tmp_path):
    samples = MODELS / "data" / "kws01_first200.npz"
    found, said = run("kws", "accuracy", samples, tmp_path)
    labels = np.load(samples)["y"]
    assert len(found) == 200
    classes = [int(np.argmax(sample["infer"]["results"])) for sample in found]
    assert sum(classes == labels) == 183
    assert "Top 1% = 91.5" in said


@pytest.mark.parametrize(("name", "count"), [("ic", 10), ("vww", 2)])
def test_images_give_what_the_reference_gives(tmp_path, name, count):
    samples, graph, stored = synthetic(name, count, tmp_path)
    found, _ = run(name, "accuracy", samples, tmp_path)
    assert [tuple(sample["infer"]["results"]) for sample in found] == [
        mlperf_host.classified(graph, one) for one in stored
    ]


def test_windows_of_sound_give_the_error_of_the_reference(tmp_path):
    samples, graph, stored = synthetic("ad", 6, tmp_path)
    found, said = run("ad", "accuracy", samples, tmp_path)
    quant = graph.inputs[0].quant
    floats = (stored.astype(np.float32) - np.float32(quant.zero_point)) * np.float32(quant.scale)
    assert [sample["infer"]["results"] for sample in found] == [
        [mlperf_host.reconstruction_error(graph, window)] for window in floats
    ]
    assert "AUC = " in said


def test_five_windows_of_the_length_that_was_asked_for(tmp_path):
    samples, _, _ = synthetic("kws", 12, tmp_path)
    found, said = run("kws", "performance", samples, tmp_path, "--seconds", "3")
    windows = [window["infer"] for window in found if "infer" in window]
    assert len(windows) == 5
    for window in windows:
        assert 3e6 <= window["elapsed_time"] < 3.1e6  # microseconds of the emulated clock
    assert said.count("Throughput") == 5
