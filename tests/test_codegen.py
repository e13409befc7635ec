"""What the generated C looks like: golden files, determinism, names.

A golden file changes only with a change of the generator that means to change it. To write them
anew: TINYGEN_WRITE_GOLDEN=1 pytest tests/test_codegen.py, then read the difference.
"""

import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tinygen import codegen, toolchain
from tinygen.compiler import compile_graph
from tinygen.cores import core
from tinygen.errors import ConfigError
from tinygen.frontend import tflite

MODELS = Path(__file__).parent / "models"
GOLDEN = Path(__file__).parent / "golden"
CASES = [
    ("digits_separable", "cortex-m4", "latency"),
    ("digits_separable", "cortex-m0plus", "ram"),
    ("digits_autoencoder", "cortex-m7", "flash"),
]


def compiled(model, target, objective="latency", **options):
    graph = tflite.load(MODELS / f"{model}.tflite")
    return compile_graph(graph, core(target), kernels="tinygen", objective=objective, **options)


@pytest.mark.parametrize(("model", "target", "objective"), CASES)
def test_generated_files_are_the_golden_ones(model, target, objective):
    files = compiled(model, target, objective).files
    folder = GOLDEN / f"{model}-{target}-{objective}"
    # Weights are data; their layout shows in the smallest model.
    kept = {n: t for n, t in files.items() if n != "weights.c" or model == "digits_autoencoder"}
    if os.environ.get("TINYGEN_WRITE_GOLDEN"):
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in kept.items():
            (folder / name).write_text(text)
    assert {path.name for path in folder.iterdir()} == set(kept)
    for name, text in kept.items():
        assert text == (folder / name).read_text(), f"{folder.name}/{name} differs"


def test_same_input_gives_the_same_bytes():
    first, second = (compiled("fashion_cnn", "cortex-m7").files for _ in range(2))
    assert first == second


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_two_networks_live_in_one_program(tmp_path, compiler):
    for name in ("first", "second"):
        compiled("digits_autoencoder", "cortex-m4", name=name).write(tmp_path / name)
    main = tmp_path / "main.c"
    main.write_text(
        '#include "first/first.h"\n#include "second/second.h"\n'
        "static _Alignas(FIRST_ARENA_ALIGNMENT) unsigned char a[FIRST_ARENA_BYTES];\n"
        "static _Alignas(SECOND_ARENA_ALIGNMENT) unsigned char b[SECOND_ARENA_BYTES];\n"
        "int main(void)\n{\n    first_invoke(a);\n    second_invoke(b);\n"
        "    return a[FIRST_OUTPUT_0_OFFSET] != b[SECOND_OUTPUT_0_OFFSET];\n}\n"
    )
    sources = [main, *sorted(tmp_path.glob("*/*.c"))]
    flags = ["-std=c11", "-O1", *toolchain.WARNINGS]
    try:
        subprocess.run([compiler, *flags, "-o", tmp_path / "two", *sources], check=True)
    except FileNotFoundError:
        pytest.skip(f"{compiler} is not installed")
    subprocess.run([tmp_path / "two"], check=True)


def test_generated_code_has_no_mutable_state_and_no_outside_calls(tmp_path):
    network = compiled("digits_separable", "cortex-m4")
    network.write(tmp_path)
    for source in ("network.c", "weights.c"):
        built = tmp_path / f"{source}.o"
        flags = [*network.core.flags, *toolchain.target_flags("latency"), "-c", "-o", built]
        toolchain.run([toolchain.arm_tool("gcc"), *flags, tmp_path / source], "compiling")
        symbols = subprocess.run(
            [toolchain.arm_tool("nm"), built],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        kinds = re.findall(r"^\w* +(\w) (\S+)$", symbols, re.MULTILINE)
        assert kinds
        assert not [name for kind, name in kinds if kind in "dDbBcC"]
        called = {name for kind, name in kinds if kind == "U" and not name.startswith("network_")}
        assert called <= {"memcpy", "memmove", "memset"}


@pytest.mark.parametrize("name", ["Network", "2nd", "int", "a-b", "", "x y"])
def test_a_prefix_that_is_no_c_name_is_refused(name):
    with pytest.raises(ConfigError, match="cannot prefix C names"):
        compiled("digits_autoencoder", "cortex-m4", name=name)


def test_arrays_read_back_as_they_were():
    values = np.array([-(2**31), -1, 0, 1, 2**31 - 1], np.int32)
    words = [int(word) for word in re.findall(r"-?\d+", codegen.c_rows(values[1:]))]
    assert words == values[1:].tolist()
    assert "(-2147483647 - 1)" in codegen.c_rows(values)
    floats = np.array([1 / 3, -1e-7, 6.0, 3.4e38], np.float32)
    text = codegen.c_rows(floats).replace("f", "")
    back = [np.float32(word) for word in text.replace("\n", "").split(",") if word.strip()]
    assert back == floats.tolist()
