"""The C that stops at the exit: its looks, its proof, and what a device does with it.

To write the golden files anew: TINYGEN_WRITE_GOLDEN=1.
"""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import loopback
import numpy as np
import pytest
from exiting import DATA, GRAPH, MODEL, compiled, samples

from tinygen import cli, data, reference, toolchain, trial
from tinygen.compiler import compile_graph
from tinygen.cores import core
from tinygen.device.session import Session
from tinygen.device.transport import SerialTransport
from tinygen.early_exit import decision, generate
from tinygen.errors import ProofError
from tinygen.progress import Silent
from tinygen.verify import early_exit as verify

GOLDEN = Path(__file__).parent.parent / "golden" / "early_exit"


def test_generated_files_are_the_golden_ones():
    network, exit_ = compiled()
    kept = {name: text for name, text in network.files.items() if "_exit" in name}
    plain = compile_graph(decision.ordered(GRAPH, exit_), core("cortex-m3"), kernels="tinygen")
    assert network.files == plain.files | kept
    assert generate.has_exit(network)
    assert not generate.has_exit(plain)
    if os.environ.get("TINYGEN_WRITE_GOLDEN"):
        GOLDEN.mkdir(parents=True, exist_ok=True)
        for name, text in kept.items():
            (GOLDEN / name).write_text(text)
    assert kept == {path.name: path.read_text() for path in GOLDEN.iterdir()}


def test_the_exit_is_looked_at_after_the_layers_it_needs():
    network, exit_ = compiled()
    names = [layer.node.name for layer in network.executed]
    before = names[: generate.layers(network, exit_)]
    assert before[-1] == "exit_softmax"
    assert "conv_2" in before
    assert not {"conv_3", "classes_softmax"} & set(before)


def test_whole_inferences_are_those_of_the_reference():
    inputs = samples(12)
    network, exit_ = compiled()
    ends = [
        exit_.taken([values[tensor] for tensor in GRAPH.outputs])
        for values in reference.run_all(GRAPH, inputs)
    ]
    assert 0 < sum(ends) < len(ends), "both ways are to be gone"
    host, on_target = verify.prove(network, exit_, target=True, inputs=inputs)
    assert (host.inputs, on_target.inputs) == (12, 12)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (">= NETWORK_EXIT_THRESHOLD", "> NETWORK_EXIT_THRESHOLD"),
        ("NETWORK_EXIT_LAYERS; ++", "NETWORK_EXIT_LAYERS - 1u; ++"),
        ("memcpy(bytes + NETWORK_OUTPUT_1_OFFSET", "memcpy(bytes + NETWORK_OUTPUT_0_OFFSET"),
        ("uint32_t i = 1", "uint32_t i = 5"),
        ("layer = NETWORK_EXIT_LAYERS", "layer = NETWORK_EXIT_LAYERS + 1u"),
    ],
)
def test_wrong_code_is_found(old, new):
    inputs = samples(12)
    # The best value of the fifth sample at the exit is the threshold itself.
    value = int(reference.run(GRAPH, inputs[4])[GRAPH.outputs[0]].max())
    network, exit_ = compiled((value + 128) / 256)
    assert exit_.stored == value
    text = network.files["network_exit.c"]
    assert old in text
    changed = network.files | {"network_exit.c": text.replace(old, new, 1)}
    with pytest.raises(ProofError, match="early exit"):
        verify.prove(replace(network, files=changed), exit_, target=False, inputs=inputs)


def test_clang_takes_it_without_a_warning(tmp_path):
    compiled()[0].write(tmp_path)
    flags = ["-std=c11", "-O2", *toolchain.WARNINGS, "-c", "-o", tmp_path / "o"]
    try:
        subprocess.run(["clang", *flags, tmp_path / "network_exit.c"], check=True)
    except FileNotFoundError:
        pytest.skip("clang is not installed")


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (["--exit", "0"], "no threshold is given; name one with --exit-threshold P"),
        (["--exit-threshold", "0.5"], "no exit is given; name one with --exit OUTPUT"),
        (["--exit", "0", "--exit-threshold", "0.999"], "goes up to 0.996094 only"),
        (["--exit", "0", "--exit-threshold", "1.5"], "1.5 is not in the range"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, what, tmp_path, capsys):
    command = ["compile", str(MODEL), "--core", "cortex-m4", "-o", str(tmp_path / "out")]
    assert cli.run([*command, *options]) == 2
    assert what in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_device_answers_early_and_is_held_against_that(tmp_path):
    network, exit_ = compiled()
    device = loopback.build(tmp_path, network)
    given = data.load(DATA, GRAPH.inputs, 30)
    outputs = [reference.run(GRAPH, x) for x in given]
    values = [[found[tensor] for tensor in GRAPH.outputs] for found in outputs]
    early = {index for index, both in enumerate(values) if exit_.taken(both)}
    answers = [int(exit_.answers(both)[1].argmax()) for both in values]
    with (
        loopback.Loopback(device) as running,
        Session(SerialTransport(running.url)) as session,
    ):
        outcome = trial.run(session, GRAPH, given, Silent(), None, exit_)
        full = trial.run(session, GRAPH, given, Silent())
    assert outcome.mismatches == 0
    assert outcome.exits == early
    assert 0 < len(early) < 30
    assert outcome.correct == int(np.sum(np.array(answers) == given.labels))
    assert full.exits is None
    differing = {index for index in early if (values[index][0] != values[index][1]).any()}
    assert 0 < full.mismatches == len(differing)


@pytest.mark.slow
def test_mean_and_longest_inference_on_an_emulated_board(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    build = ["build", str(MODEL), "--board", "nucleo_f746", "--kernels", "tinygen", "-o", "out"]
    assert cli.run([*build, "--exit", "0", "--exit-threshold", "0.9", "--json", "b.json"]) == 0
    built = json.loads((tmp_path / "b.json").read_text())
    assert built["exit"] == {"output": 0, "threshold": 0.9, "stored": 103, "layers": 5}
    test = ["test", "out", "--emulator", "--data", str(DATA), "--json", "t.json"]
    for limit in (40, 1):
        assert cli.run([*test, "--limit", str(limit)]) == 0
        report = json.loads((tmp_path / "t.json").read_text())
        run = report["run"]
        assert report["exact"]["mismatches"] == 0
        if limit == 40:
            assert 0 < run["exit_rate"] < 1
            assert run["instructions_mean"] < run["instructions"]
            assert run["cycles_modelled_mean"] < run["cycles_modelled"]
            assert run["latency_ms_mean"] < run["latency_ms"]
            layers = [layer["instructions"] for layer in report["layers"]]
            assert run["instructions"] == pytest.approx(sum(layers), abs=600)
            early = (run["instructions_mean"] - (1 - run["exit_rate"]) * run["instructions"]) / (
                run["exit_rate"]
            )
            assert early == pytest.approx(sum(layers[:6]), abs=600)
        elif run["exit_rate"] == 1:
            assert run["instructions"] is None
            assert run["instructions_mean"] > 0
