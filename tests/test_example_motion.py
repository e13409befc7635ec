"""examples/motion, from training to the program that reads a raw recording."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinygen import cli, config, models, reference, toolchain
from tinygen.preprocess.conversion import Conversion
from tinygen.preprocess.samples import windows

EXAMPLE = Path(__file__).parent.parent / "examples" / "motion"


@pytest.mark.slow
def test_raw_frames_become_the_right_motions(tmp_path, monkeypatch):
    pytest.importorskip("tensorflow")
    train = [sys.executable, EXAMPLE / "train.py", "--out", tmp_path]
    said = subprocess.run(train, check=True, capture_output=True, text=True).stdout
    assert float(said.split()[-1]) > 0.9
    monkeypatch.chdir(tmp_path)
    assert cli.run(["compile", "--core", "cortex-m4", "-o", "out", "--kernels", "tinygen"]) == 0
    flags = ["-std=c11", "-O1", *toolchain.WARNINGS, "-fsanitize=address,undefined"]
    sources = [EXAMPLE / "main.c", *sorted((tmp_path / "out").glob("*.c"))]
    toolchain.run([toolchain.host_compiler(), *flags, "-I", "out", "-o", "motion", *sources], "it")
    raw = (tmp_path / "recording.raw").read_bytes()
    done = subprocess.run(["./motion"], input=raw, capture_output=True, check=True)
    named = done.stdout.decode().split()

    whole = config.load()
    settings = whole.preprocess
    graph = models.load(whole.model.path, whole.model.calibration).graph
    tensor = graph.inputs[0]
    conversion = Conversion(settings.raw, settings.scale, settings.offset, tensor.quant)
    frames = np.frombuffer(raw, np.int16).reshape(-1, 3)
    cut = windows(conversion.stored(frames), settings.window, settings.hop)
    outputs = [
        reference.run(graph, [x.reshape(tensor.shape)])[graph.outputs[0]].argmax() for x in cut
    ]
    motions = ("resting", "walking", "shaking")
    assert named == [motions[index] for index in outputs]
    assert len(named) == 1 + (len(frames) - 64) // 32
    third = len(named) // 3
    right = [named[i] == motions[i // third] for i in range(3 * third)]
    assert np.mean(right) > 0.8
