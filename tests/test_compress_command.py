"""``tinygen compress`` by the command line alone, killed in the middle as well."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from classifiers import blobs, convolutional

from tinygen import cli, data, reference
from tinygen.frontend import tflite

BOARD = "mps2_an386"
RECIPE = """
seed = 3

[[step]]
do = "train"
epochs = 4
batch = 16

[[step]]
do = "prune"
to = 0.7
epochs = 3
batch = 16
distill = {}

[[step]]
do = "qat"
epochs = 4
batch = 16
distill = { temperature = 2.0 }
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a model, samples and a recipe, in which commands run."""
    monkeypatch.chdir(tmp_path)
    parts = blobs(count=120)
    np.savez(
        "samples.npz",
        x_train=parts.train.x,
        y_train=parts.train.y,
        x_test=parts.test.x,
        y_test=parts.test.y,
    )
    Path("recipe.toml").write_text(RECIPE)
    return tmp_path


ARGUMENTS = {
    "model": ["small.keras"],
    "data": ["--data", "samples.npz"],
    "recipe": ["--recipe", "recipe.toml"],
    "board": ["--board", BOARD],
    "output": ["-o", "small.tflite"],
}


def arguments(*without):
    return ["compress", *(a for key, part in ARGUMENTS.items() if key not in without for a in part)]


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("model", "no model is given; name one with MODEL"),
        ("data", "no data is given; name one with --data"),
        ("recipe", "no recipe is given; name one with --recipe"),
        ("board", "no board is given"),
        ("output", "no output file is given; name one with -o FILE"),
    ],
)
def test_what_is_missing_is_named(folder, capsys, missing, sentence):
    assert cli.run(arguments(missing)) == 2
    assert sentence in capsys.readouterr().err
    assert not Path("small.tflite").exists()


def test_a_model_that_is_not_there(folder, capsys):
    assert cli.run(arguments()) == 2
    assert "model small.keras cannot be read" in capsys.readouterr().err


def killed_at(line, command):
    """Start a command, and kill it as soon as it says this."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as process:
        for said in process.stderr:
            if line in said:
                os.kill(process.pid, signal.SIGKILL)
                break
        else:
            pytest.fail(f"the command ended before it said {line!r}")
        process.stderr.read()
    assert process.returncode == -signal.SIGKILL


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(folder, capsys):
    convolutional(width=12, dropout=0.1).save("small.keras")
    assert cli.run([*arguments("output"), "--work", "one", "-o", "one.tflite"]) == 0
    expected = Path("one.tflite").read_bytes()
    capsys.readouterr()
    command = [sys.executable, "-m", "tinygen", *arguments()]
    killed_at("prune: epoch 2 of 3", command)
    killed_at("qat: epoch 1 of 4", command)
    assert not Path("small.tflite").exists()
    assert cli.run([*arguments(), "--json", "report.json"]) == 0
    captured = capsys.readouterr()
    assert "train: epoch" not in captured.err
    assert "prune: epoch" not in captured.err
    assert "qat: epoch 1" not in captured.err
    assert "qat: epoch 4 of 4" in captured.err
    assert Path("small.tflite").read_bytes() == expected
    check_report(json.loads(Path("report.json").read_text()), folder)
    assert "after step" in captured.out


def check_report(report, folder):
    """Every step is there, the budget is kept, and the accuracy is that of the file written."""
    assert [step["step"] for step in report["steps"]] == ["start", "train", "prune", "qat"]
    _, trained, pruned, quantized = report["steps"]
    assert pruned["cycles_modelled"] <= 0.7 * trained["cycles_modelled"]
    assert pruned["parameters"] < trained["parameters"]
    assert quantized["int8"]
    assert not pruned["int8"]
    graph = tflite.load(folder / "small.tflite")
    parts = blobs(count=120).test
    stored = data.quantize(parts.x, graph.inputs[0])
    found = [np.argmax(reference.run(graph, [x[np.newaxis]])[graph.outputs[0]]) for x in stored]
    assert quantized["accuracy"] == np.mean(np.array(found) == parts.y)


@pytest.mark.slow
def test_build_compresses_first_and_only_once(folder, capsys):
    convolutional(width=8).save("small.keras")
    Path("recipe.toml").write_text('[[step]]\ndo = "qat"\nepochs = 2\nbatch = 16\n')
    Path("tinygen.toml").write_text(
        '[model]\npath = "small.keras"\n'
        f'[build]\nboard = "{BOARD}"\nkernels = "tinygen"\nproof = "host"\n'
        '[compress]\nrecipe = "recipe.toml"\ndata = "samples.npz"\n'
    )
    outputs = []
    for epochs in (2, 0):
        assert cli.run(["build", "--json", "report.json"]) == 0
        assert capsys.readouterr().err.count("qat: epoch") == epochs
        outputs.append(json.loads(Path("report.json").read_text()))
    assert outputs[0] == outputs[1]
    assert cli.run([*arguments(), "-o", "small.tflite"]) == 0
    digest = hashlib.sha256(Path("small.tflite").read_bytes()).hexdigest()
    assert outputs[0]["model"]["sha256"] == digest
