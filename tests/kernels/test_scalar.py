"""Arithmetic of cores without SIMD, and without a long multiplication."""

import subprocess

import numpy as np
import pytest

from tinygen import codegen
from tinygen.cores import core
from tinygen.kernels import kernels
from tinygen.kernels._interleave import block_of, interleave, raise_weights
from tinygen.ops import operator
from tinygen.ops.sampling import SeededDraw
from tinygen.toolchain import host_compiler

PROGRAM = """
#include <stdio.h>
#include "tinygen_math.h"
int main(void)
{
    int32_t pair[2];
    while (fread(pair, sizeof pair, 1, stdin) == 1) {
        const int32_t product = tg_doubling_high_mul(pair[0], pair[1]);
        fwrite(&product, sizeof product, 1, stdout);
    }
}
"""
EDGES = [0, 1, 2, 0x3FFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFF0000, 0x7FFF8000, 0x7FFFFFFF]


@pytest.mark.parametrize("architecture", [[], ["-D__ARM_ARCH_6M__"]], ids=["64-bit", "32-bit"])
def test_high_multiplication_rounds_as_defined(architecture, tmp_path):
    header = codegen.environment().get_template("tinygen_math.h.j2").render(version="0")
    (tmp_path / "tinygen_math.h").write_text(header)
    (tmp_path / "program.c").write_text(PROGRAM)
    sanitized = ["-fsanitize=undefined", "-fno-sanitize-recover"]
    command = [host_compiler(), "-O1", "-std=c11", *sanitized, *architecture, "program.c"]
    subprocess.run([*command, "-o", "program"], cwd=tmp_path, check=True)
    rng = np.random.default_rng(4)
    signed = np.array(EDGES + [-e - 1 for e in EDGES] + [-e for e in EDGES])
    a = np.concatenate([np.repeat(signed, len(EDGES)), rng.integers(-(1 << 31), 1 << 31, 200_000)])
    b = np.concatenate([np.tile(EDGES, len(signed)), rng.integers(0, 1 << 31, 200_000)])
    pairs = np.stack([a, b], axis=1).astype(np.int32)
    done = subprocess.run(
        [tmp_path / "program"], input=pairs.tobytes(), capture_output=True, check=True
    )
    expected = (a.astype(np.int64) * b + (1 << 30)) >> 31
    np.testing.assert_array_equal(np.frombuffer(done.stdout, np.int32), expected)


def test_raised_weights_give_the_same_sums():
    rng = np.random.default_rng(5)
    weights = rng.integers(-128, 128, 1000).astype(np.int8)
    values = rng.integers(-255, 256, 1000)
    raised = raise_weights(weights).astype(np.int64)
    assert raised @ values - 128 * values.sum() == weights.astype(np.int64) @ values


def test_what_is_left_over_is_a_smaller_block():
    weights = np.arange(18).reshape(6, 3)
    rows = [[0, 3, 6, 9], [1, 4, 7, 10], [2, 5, 8, 11], [12, 15], [13, 16], [14, 17]]
    assert interleave(weights, 4).tolist() == [value for row in rows for value in row]


def test_blocks_are_as_wide_as_registers_allow():
    assert block_of(64, core("cortex-m3")) == 8
    assert block_of(60, core("cortex-m3")) == block_of(64, core("cortex-m0plus")) == 4


@pytest.mark.parametrize("op", ["CONV_2D", "FULLY_CONNECTED"])
def test_armv6_m_reads_weights_unsigned(op):
    node, kernel = operator(op).sample(SeededDraw(3)), kernels()[f"{op.lower()}_portable"]
    kinds = [
        kernel.implement(node, core(n)).constants[0].data.dtype.name
        for n in ("cortex-m0", "cortex-m3")
    ]
    assert kinds == ["uint8", "int8"]
