"""Winograd convolution: the bounds its proof rests on, and its code against numpy."""

import dataclasses
import shutil
import subprocess

import convolutions
import numpy as np
import pytest
from batching import compile_nodes
from overlapping import prove_closest

from tinygen import toolchain
from tinygen.cores import core
from tinygen.kernels._winograd import F2, F4
from tinygen.ops.sampling import stimuli
from tinygen.verify.host import on_host
from tinygen.verify.target import on_target

TRANSFORMS = pytest.mark.parametrize("transform", [F2, F4], ids=["F2", "F4"])
M4 = core("cortex-m4")


def magnitudes(rows):
    return np.abs(np.array(rows)).sum(axis=1)


@TRANSFORMS
def test_transforms_convolve(transform):
    rng = np.random.default_rng(1)
    b, a, g = (np.array(m) for m in (transform.input, transform.output, transform.filter))
    data = rng.integers(-128, 128, (transform.size, transform.size))
    weights = rng.integers(-128, 128, (3, 3))
    product = a @ ((g @ weights @ g.T) * (b @ data @ b.T)) @ a.T
    windows = np.lib.stride_tricks.sliding_window_view(data, (3, 3))
    np.testing.assert_array_equal(product, transform.scale * (windows * weights).sum(axis=(2, 3)))


@TRANSFORMS
def test_transformed_inputs_fit_int16(transform):
    rows = magnitudes(transform.input)
    assert 128 * np.outer(rows, rows).max() == {2: 512, 4: 12_800}[transform.outputs]


@TRANSFORMS
def test_stored_filters_fit_int16_and_lose_nothing(transform):
    rows, shifts = magnitudes(transform.filter), np.array(transform.stored_shifts)
    largest = (128 * np.outer(rows, rows) >> shifts).max()
    assert largest == {2: 1_152, 4: 21_504}[transform.outputs]
    g = np.array(transform.filter)
    for tap in np.eye(9, dtype=np.int8).reshape(9, 3, 3):
        assert not (g @ tap @ g.T % (1 << shifts)).any()
    lowest = np.full((1, 3, 3, 1), -128, np.int8)
    stored = transform.filters(lowest)[0, :, :, 0].astype(np.int64)
    np.testing.assert_array_equal(stored << shifts, g @ lowest[0, :, :, 0].astype(int) @ g.T)


@TRANSFORMS
def test_results_tell_accumulators_apart_up_to_the_limit(transform):
    inverse = pow(transform.odd, -1, 1 << 32)
    for acc in (0, 1, -1, transform.limit - 1, -transform.limit + 1):
        wrapped = np.int64(acc * transform.scale * inverse % (1 << 32)).astype(np.int32)
        assert wrapped >> transform.shift == acc


def test_layers_with_larger_sums_are_refused():
    node = convolutions.drawn(3)
    _, f4 = convolutions.KERNELS
    bias = node.input(2)
    assert f4.refusal(node, M4) is None
    large = dataclasses.replace(bias, data=np.full_like(bias.constant, 1 << 25))
    refused = node.replace(inputs=(*node.inputs[:2], large))
    assert "accumulators" in f4.refusal(refused, M4)


def prove(run, seeds, target, monkeypatch):
    compiled = compile_nodes(convolutions.batch(seeds, target), target, monkeypatch)
    return run(compiled, [tuple(given) for given in stimuli(compiled.graph.inputs, seeds[0], 2)])


def test_code_equals_numpy_on_host(monkeypatch):
    assert prove(on_host, range(6), M4, monkeypatch).values > 10_000


@pytest.mark.slow
@pytest.mark.parametrize("first", range(100, 180, 20))
def test_code_equals_numpy_on_host_on_many(first, monkeypatch):
    assert prove(on_host, range(first, first + 20), M4, monkeypatch).values > 50_000


@pytest.mark.slow
@pytest.mark.parametrize("first", range(200, 240, 10))
@pytest.mark.parametrize("name", ["cortex-m4", "cortex-m7", "cortex-m33"])
def test_object_code_equals_numpy(name, first, monkeypatch):
    run = prove(on_target, range(first, first + 10), core(name), monkeypatch)
    assert run.comparison.values > 30_000


def test_closest_overlaps_give_the_same_bytes(monkeypatch):
    promised = [
        (node, kernel.implement(node, M4), kernel.implement(node, M4).overlaps[0])
        for node, kernel in convolutions.batch(range(300, 310), M4)
    ]
    assert prove_closest(promised, monkeypatch).values > 0


@pytest.mark.skipif(not shutil.which("clang"), reason="clang is not installed")
def test_clang_has_nothing_to_say(tmp_path, monkeypatch):
    compile_nodes(convolutions.batch(range(8), M4), M4, monkeypatch).write(tmp_path)
    done = subprocess.run(
        ["clang", "-std=c11", "-fsyntax-only", *toolchain.WARNINGS, *sorted(tmp_path.glob("*.c"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr
