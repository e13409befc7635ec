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
SMALL = kernels()["conv_2d_dsp_columns_small"]


def drawn(seeds, lowest, kernel):
    """Layers with filters of all sizes, of which the kernel takes all."""
    for seed in seeds:
        node = convolution(seed, 1 + seed % 4, 1 + seed // 4 % 3, 1 + seed % 3, lowest=lowest)
        yield distinct(node, f"layer_{lowest}_{seed}"), kernel


def network(seeds, monkeypatch, kernel=KERNEL):
    """Weights that can be paired, and some of -128 that cannot."""
    nodes = [*drawn(seeds, -127, kernel), *drawn(seeds, -128, kernel)]
    return compile_nodes(nodes, CORE, monkeypatch)


def seen(compiled, key):
    return {layer.implementation.params[key] for layer in compiled.layers}


def test_host_equals_numpy(monkeypatch):
    compiled = network([*range(16), 81], monkeypatch)
    assert seen(compiled, "packed") == {"paired", "int8"}
    assert seen(compiled, "padded") == seen(compiled, "looped") == {True, False}
    shapes = [layer.implementation.params for layer in compiled.layers]
    assert any(params["padded"] and params["block_pixels"] == 1 for params in shapes)
    inputs = [tuple(given) for given in stimuli(compiled.graph.inputs, 1, 2)]
    assert on_host(compiled, inputs).values > 1_000


def test_small_code_equals_numpy_on_host(monkeypatch):
    compiled = network(range(20, 36), monkeypatch, SMALL)
    widths = {layer.node.output.shape[2] % 4 for layer in compiled.layers}
    assert widths == {0, 1, 2, 3}
    inputs = [tuple(given) for given in stimuli(compiled.graph.inputs, 2, 2)]
    assert on_host(compiled, inputs).values > 1_000


@pytest.mark.slow
@pytest.mark.parametrize("kernel", [KERNEL, SMALL], ids=lambda kernel: kernel.name)
def test_object_code_equals_numpy(kernel, monkeypatch):
    compiled = network(range(100, 130), monkeypatch, kernel)
    inputs = [tuple(given) for given in stimuli(compiled.graph.inputs, 1, 2)]
    assert on_target(compiled, inputs).comparison.values > 1_000


def test_layers_of_all_shapes_share_a_small_function(monkeypatch):
    """But for how they clamp, and weights or scales that only a general form takes."""
    compiled = network(range(40), monkeypatch, SMALL)
    forms = {
        tuple(
            layer.implementation.params[key] for key in ("packed", "form", "low", "high", "lanes")
        )
        for layer in compiled.layers
    }
    assert len({layer.function for layer in compiled.layers}) <= len(forms)


def test_shapes_share_functions(monkeypatch):
    nodes = [(distinct(convolution(seed, 1, 1, 1), f"layer_{seed}"), KERNEL) for seed in range(40)]
    compiled = compile_nodes(nodes, CORE, monkeypatch)
    shapes = {layer.node.input(1).shape for layer in compiled.layers}
    assert len({layer.function for layer in compiled.layers}) < len(shapes)
