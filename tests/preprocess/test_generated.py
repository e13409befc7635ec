"""The generated C against its definition, its looks, and the settings that are refused.

To write the golden files anew: TINYGEN_WRITE_GOLDEN=1.
"""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_models import two_convs

from tinygen import cli, toolchain
from tinygen.compiler import compile_graph
from tinygen.config import Preprocess
from tinygen.cores import core
from tinygen.errors import ConfigError, ProofError
from tinygen.frontend import tflite
from tinygen.ir import Graph
from tinygen.preprocess import generate
from tinygen.tflite_format.writer import write
from tinygen.verify import preprocess as verify

TESTS = Path(__file__).parent.parent
CASES = {  # of input int8 (1, 5, 4, 2), scale 0.02, zero point 3
    "uint8": {"raw": "uint8", "scale": [0.0078125, 0.01], "offset": [128, 100]},
    "int16": {"raw": "int16", "scale": [0.001, -0.02], "offset": [55.5, 3], "window": 5, "hop": 2},
    "float32": {"raw": "float32", "scale": 0.1, "offset": 3, "window": 5, "hop": 8},
}

TIES = {"raw": "int16", "scale": two_convs().inputs[0].quant.scale / 2}


def compiled(target="cortex-m4"):
    return compile_graph(two_convs(), core(target), kernels="tinygen")


def preprocessed(settings, target="cortex-m4"):
    network = compiled(target)
    preprocessing = generate.plan(Preprocess(**settings), network)
    return generate.added(network, preprocessing), preprocessing


@pytest.mark.parametrize("case", CASES)
def test_generated_files_are_the_golden_ones(case):
    folder = TESTS / "golden" / f"preprocess-{case}"
    files = preprocessed(CASES[case])[0].files
    kept = {name: text for name, text in files.items() if "preprocess" in name}
    assert files == compiled().files | kept
    if os.environ.get("TINYGEN_WRITE_GOLDEN"):
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in kept.items():
            (folder / name).write_text(text)
    assert kept == {path.name: path.read_text() for path in folder.iterdir()}


@pytest.mark.parametrize("target", ["cortex-m4", "cortex-m0plus"])
@pytest.mark.parametrize("case", CASES)
def test_the_c_gives_what_is_defined_for_every_raw_value(case, target):
    network, preprocessing = preprocessed(CASES[case], target)
    given = verify.stimuli(preprocessing)
    if case != "float32":
        channels = preprocessing.conversion.channels
        for channel in range(channels):
            seen = given.reshape(-1, channels)[:, channel]
            assert len(np.unique(seen)) == 1 << (8 * given.dtype.itemsize)
    host, on_target = verify.prove(network, preprocessing, target=True)
    assert host.values >= given.size
    assert on_target.values > 0


@pytest.mark.parametrize(
    ("settings", "old", "new"),
    [
        (CASES["uint8"], "  -2,", "  -1,"),
        (CASES["int16"], "+ ZERO_POINT", "+ ZERO_POINT + (raw == 700)"),
        (TIES, "- (sum < 0)", ""),
        (CASES["int16"], "next + 1u ==", "next + 2u =="),
        (CASES["float32"], "rest >= 0.5f", "rest > 0.5f"),
        (CASES["float32"], "window->frames, first)", "window->frames, first / 2u)"),
    ],
)
def test_wrong_code_is_found(settings, old, new):
    network, preprocessing = preprocessed(settings)
    text = network.files["network_preprocess.c"]
    assert old in text
    files = network.files | {"network_preprocess.c": text.replace(old, new, 1)}
    with pytest.raises(ProofError, match="preprocessing"):
        verify.prove(replace(network, files=files), preprocessing, target=False)


@pytest.mark.parametrize("case", CASES)
def test_clang_takes_it_without_a_warning(case, tmp_path):
    preprocessed(CASES[case])[0].write(tmp_path)
    flags = ["-std=c11", "-O2", *toolchain.WARNINGS, "-c", "-o", tmp_path / "o"]
    try:
        subprocess.run(["clang", *flags, tmp_path / "network_preprocess.c"], check=True)
    except FileNotFoundError:
        pytest.skip("clang is not installed")


@pytest.mark.parametrize("case", ["uint8", "int16"])
def test_integers_need_no_floating_point(case, tmp_path):
    network, _ = preprocessed(CASES[case], "cortex-m0plus")
    network.write(tmp_path)
    flags = [*network.core.flags, *toolchain.target_flags("latency"), "-c", "-o", tmp_path / "o"]
    toolchain.run([toolchain.arm_tool("gcc"), *flags, tmp_path / "network_preprocess.c"], "compile")
    nm = [toolchain.arm_tool("nm"), tmp_path / "o"]
    symbols = subprocess.run(nm, capture_output=True, text=True, check=True).stdout
    assert "network_preprocess" in symbols
    called = {line.split()[-1] for line in symbols.splitlines() if " U " in line}
    assert called <= {"memcpy", "__aeabi_lmul", "__aeabi_lasr", "__aeabi_llsl", "__aeabi_idiv"}
    kinds = {line.split()[-2] for line in symbols.splitlines()}
    assert not kinds & set("dDbBcC")


def test_nothing_is_generated_without_the_table():
    assert generate.plan(Preprocess(), compiled()) is None


def test_a_compilation_writes_and_proves_it(tmp_path, monkeypatch):
    (tmp_path / "model.tflite").write_bytes(write(two_convs()))
    (tmp_path / "tinygen.toml").write_text(
        '[model]\npath = "model.tflite"\n[build]\ncore = "cortex-m4"\nkernels = "tinygen"\n'
        '[preprocess]\nraw = "uint8"\nscale = 0.0078125\noffset = 128\n'
    )
    monkeypatch.chdir(tmp_path)
    proven = []
    prove = verify.prove
    monkeypatch.setattr(verify, "prove", lambda *a, **k: proven.append(prove(*a, **k)))
    assert cli.run(["compile", "-o", "out", "--name", "eye"]) == 0
    assert "eye_preprocess(const uint8_t *raw" in (tmp_path / "out/eye_preprocess.h").read_text()
    assert len(proven[0]) == 2


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"scale": 2.0}, "scale but no raw type"),
        ({"raw": "uint8", "scale": [1, 2, 3]}, "scale has 3 values"),
        ({"raw": "uint8", "scale": [1, 2], "offset": [1, 2, 3]}, "has 2 channels"),
        ({"raw": "int16", "scale": 0.01, "hop": 3}, "hop is given without window"),
        ({"raw": "int16", "scale": 0.01, "window": 4}, "window is 4 frames, .* takes 5"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, what):
    with pytest.raises(ConfigError, match=what):
        generate.plan(Preprocess(**settings), compiled())


def test_a_network_with_two_inputs_is_refused():
    network = compiled()
    first = network.source
    both = Graph("two", (*first.inputs, *first.inputs), first.outputs, first.nodes)
    with pytest.raises(ConfigError, match="one quantized int8 input"):
        generate.plan(Preprocess(raw="uint8"), replace(network, source=both))


def test_too_many_tables_are_refused():
    graph = tflite.load(TESTS / "models" / "digits_autoencoder.tflite")
    size = graph.inputs[0].shape[-1]
    network = compile_graph(graph, core("cortex-m4"), kernels="tinygen")
    settings = Preprocess(raw="uint8", scale=[0.01 + i / 1e4 for i in range(size)])
    assert size == 64
    tables = generate.plan(settings, network)
    assert tables.conversion.channels == 64
    wide = replace(graph.inputs[0], shape=(1, 65))
    more = Preprocess(raw="uint8", scale=[0.01 + i / 1e4 for i in range(65)])
    with pytest.raises(ConfigError, match="64 are the most"):
        generate.plan(more, replace(network, source=graph.replace(inputs=(wide,))))
