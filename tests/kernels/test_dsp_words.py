"""Words of four int8 weights that SMLAD takes as they are, and the kernels that use them."""

import dataclasses
import itertools

import numpy as np
import pytest
from batching import compile_nodes, distinct
from convolutions import convolution

from tinygen.cores import core
from tinygen.kernels import kernels
from tinygen.kernels._dsp import PAIRED_LIMIT, paired_bias, paired_words, pairs_up
from tinygen.ops import operator
from tinygen.ops.sampling import SeededDraw, stimuli
from tinygen.verify.host import on_host
from tinygen.verify.target import on_target

EXTREMES = (-128, -127, -1, 0, 1, 126, 127)


def signed(number, bits):
    number &= (1 << bits) - 1
    return number - (1 << bits if number >> (bits - 1) else 0)


def halves(word):
    return signed(word, 16), word >> 16


def smlad(acc, a, b):
    assert all(-(1 << 15) <= number < 1 << 15 for number in (*a, *b))
    return acc + a[0] * b[0] + a[1] * b[1]


@pytest.mark.parametrize("x", list(itertools.product(EXTREMES, (-128, 3, 127))))
def test_words_give_256_times_the_sum(x):
    inputs = [*x, *reversed(x)]
    p = (inputs[0], inputs[2])
    q = tuple(256 * inputs[i + 1] + (inputs[i] & 0xFF ^ 0x7F) for i in (0, 2))
    for pair in itertools.product(EXTREMES, repeat=2):
        weights = np.array([[*pair, 5, -7]], np.int8)
        if not pairs_up(weights, 0):
            assert pair[0] == -128
            assert pair[1] < 0
            continue
        word = paired_words(weights).item()
        odd = tuple(signed(half, 8) for half in (word, word >> 16))
        acc = smlad(smlad(paired_bias(np.array([9]), weights).item(), halves(word), p), odd, q)
        assert acc == 256 * (9 + int(weights[0].astype(int) @ inputs))


def test_sums_that_are_too_large_are_not_stored_so():
    weights = np.ones((1, 4), np.int8)
    assert pairs_up(weights, PAIRED_LIMIT - 1)
    assert not pairs_up(weights, PAIRED_LIMIT)


FULLY_CONNECTED, COLUMNS, WINDOW = (
    kernels()[name]
    for name in ("fully_connected_dsp", "conv_2d_dsp_columns", "conv_2d_dsp_window_w8")
)


def connected(seed):
    """A drawn node whose weights are all but -128, every third nothing but -127 and 127."""
    node = operator("FULLY_CONNECTED").sample(SeededDraw(seed))
    w = node.input(1)
    data = np.maximum(w.constant, -127)
    if seed % 3 == 0:
        data = np.where(data < 0, -127, 127).astype(np.int8)
    narrowed = dataclasses.replace(w, data=data)
    return node.replace(inputs=(node.input(0), narrowed, *node.inputs[2:]))


def compiled(seeds, target, monkeypatch):
    accepted = [
        (distinct(node, f"{kernel.name}_{seed}"), kernel)
        for seed in seeds
        for kernel, node in (
            (FULLY_CONNECTED, connected(seed)),
            (COLUMNS, convolution(seed, 1, 1, 1, lowest=-127)),
            (WINDOW, convolution(seed, 2 + seed % 3, 4, 1, lowest=-127)),
        )
        if kernel.refusal(node, target) is None
    ]
    return compile_nodes(accepted, target, monkeypatch)


def is_paired(layer):
    params = layer.implementation.params
    return params.get("paired", False) or "paired" in (
        params.get("packed"),
        params.get("tile", {}).get("packed"),
    )


def test_code_equals_numpy_on_host(monkeypatch):
    network = compiled(range(9), core("cortex-m4"), monkeypatch)
    assert sum(map(is_paired, network.layers)) > 20
    inputs = [tuple(given) for given in stimuli(network.graph.inputs, 1, 2)]
    assert on_host(network, inputs).values > 1_000


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cortex-m4", "cortex-m7", "cortex-m33"])
def test_object_code_equals_numpy(name, monkeypatch):
    network = compiled(range(100, 140), core(name), monkeypatch)
    inputs = [tuple(given) for given in stimuli(network.graph.inputs, 1, 2)]
    assert on_target(network, inputs).comparison.values > 1_000
