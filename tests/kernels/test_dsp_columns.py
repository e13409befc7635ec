"""What the columns of a convolution are filled up with, and what many layers share."""

import pytest
from batching import compile_nodes, distinct
from convolutions import convolution

from tinygen.cores import core
from tinygen.kernels import kernels
from tinygen.ops.sampling import stimuli
from tinygen.verify.host import on_host
from tinygen.verify.target import on_target

CORE = core("cortex-m4")
KERNEL = kernels()["conv_2d_dsp_columns"]


def drawn(seeds, lowest):
    """Layers with filters of all sizes and strides, of which the kernel takes all."""
    for seed in seeds:
        node = convolution(seed, 1 + seed % 4, 1 + seed // 4 % 3, 1 + seed % 3, lowest=lowest)
        yield distinct(node, f"layer_{lowest}_{seed}"), KERNEL


def network(seeds, monkeypatch):
    """Weights that can be paired, and some of -128 that cannot."""
    return compile_nodes([*drawn(seeds, -127), *drawn(seeds, -128)], CORE, monkeypatch)


def seen(compiled, key):
    return {layer.implementation.params[key] for layer in compiled.layers}


def test_host_equals_numpy(monkeypatch):
    compiled = network(range(16), monkeypatch)
    assert seen(compiled, "packed") == {"paired", "int8"}
    assert seen(compiled, "padded") == seen(compiled, "looped") == {True, False}
    inputs = [tuple(given) for given in stimuli(compiled.graph.inputs, 1, 2)]
    assert on_host(compiled, inputs).values > 1_000


@pytest.mark.slow
@pytest.mark.parametrize("first", [100, 130])
def test_object_code_equals_numpy(first, monkeypatch):
    compiled = network(range(first, first + 30), monkeypatch)
    inputs = [tuple(given) for given in stimuli(compiled.graph.inputs, 1, 2)]
    assert on_target(compiled, inputs).comparison.values > 1_000


def test_shapes_share_functions(monkeypatch):
    nodes = [(distinct(convolution(seed, 1, 1, 1), f"layer_{seed}"), KERNEL) for seed in range(40)]
    compiled = compile_nodes(nodes, CORE, monkeypatch)
    shapes = {layer.node.input(1).shape for layer in compiled.layers}
    assert len({layer.function for layer in compiled.layers}) < len(shapes)
