"""Where scalings and activations go, on float graphs made by hand."""

import numpy as np
import pytest

from tinygen.compress.fold import simplify
from tinygen.compress.lowering.emitter import AFFINE, Emitter
from tinygen.ir import Graph, Tensor
from tinygen.ops.base import FLOAT32

CHANNELS = 3


class Sketch(Emitter):
    """A float graph under construction with layers of random weights."""

    def __init__(self, shape):
        super().__init__()
        self.x = Tensor("x", shape, FLOAT32)
        self.random = np.random.default_rng(0)

    def conv(self, name, x, size=3, bias=True, **options):
        kernel = self.constant(
            f"{name}/kernel", self.random.normal(size=(CHANNELS, size, size, x.shape[3]))
        )
        vector = self.constant(f"{name}/bias", self.random.normal(size=CHANNELS)) if bias else None
        return self.emit("CONV_2D", name, (x, kernel, vector), **options)

    def affine(self, name, x, offset=1.0):
        scale = self.constant(f"{name}/scale", self.random.normal(size=x.shape[-1]))
        shift = self.constant(f"{name}/offset", np.full(x.shape[-1], offset))
        return self.emit(AFFINE, name, (x, scale, shift))

    def simplified(self, *outputs):
        return simplify(Graph("g", (self.x,), outputs, tuple(self.nodes)))


@pytest.fixture
def sketch():
    return Sketch((1, 6, 6, CHANNELS))


def ops(graph):
    return [node.op for node in graph.nodes]


def test_a_scaling_goes_into_the_convolution_before_it(sketch):
    y = sketch.affine("norm", sketch.conv("conv", sketch.x, padding="SAME"))
    kernel, bias = sketch.nodes[0].input(1).constant, sketch.nodes[0].input(2).constant
    scale, offset = sketch.nodes[1].input(1).constant, sketch.nodes[1].input(2).constant
    graph = sketch.simplified(y)
    (node,) = graph.nodes
    assert node.name == "conv"
    assert node.output is y
    np.testing.assert_array_equal(node.input(1).constant, kernel * scale[:, None, None, None])
    np.testing.assert_array_equal(node.input(2).constant, bias * scale + offset)


def test_the_convolution_before_gets_a_bias_if_it_had_none(sketch):
    y = sketch.affine("norm", sketch.conv("conv", sketch.x, bias=False), offset=0.25)
    (node,) = sketch.simplified(y).nodes
    assert node.input(2).constant.tolist() == [0.25] * CHANNELS


@pytest.mark.parametrize(
    ("offset", "size", "padding", "expected"),
    [
        (1.0, 3, "VALID", ["CONV_2D"]),
        (1.0, 1, "SAME", ["CONV_2D"]),
        (0.0, 3, "SAME", ["CONV_2D"]),
        # Padding is zero behind the scaling and would not be zero before it.
        (1.0, 3, "SAME", ["DEPTHWISE_CONV_2D", "CONV_2D"]),
    ],
)
def test_a_scaling_goes_into_the_convolution_behind_it_only_where_that_is_exact(
    sketch, offset, size, padding, expected
):
    y = sketch.conv("conv", sketch.affine("norm", sketch.x, offset), size, padding=padding)
    assert ops(sketch.simplified(y)) == expected


def test_a_scaling_that_somebody_else_reads_stays(sketch):
    scaled = sketch.affine("norm", sketch.x)
    y = sketch.conv("conv", scaled)
    assert ops(sketch.simplified(y, scaled)) == ["DEPTHWISE_CONV_2D", "CONV_2D"]


def test_a_convolution_that_somebody_else_reads_is_not_scaled(sketch):
    before = sketch.conv("conv", sketch.x)
    after = sketch.affine("norm", before)
    assert ops(sketch.simplified(before, after)) == ["CONV_2D", "DEPTHWISE_CONV_2D"]


def test_a_scaled_vector_is_an_image_for_a_while():
    sketch = Sketch((1, 5))
    graph = sketch.simplified(sketch.affine("norm", sketch.x))
    assert ops(graph) == ["RESHAPE", "DEPTHWISE_CONV_2D", "RESHAPE"]
    assert graph.outputs[0].shape == (1, 5)


def test_activations_are_fused_once(sketch):
    y = sketch.emit("RELU6", "b", (sketch.emit("RELU", "a", (sketch.conv("conv", sketch.x),)),))
    graph = sketch.simplified(y)
    assert ops(graph) == ["CONV_2D", "RELU6"]
    assert graph.nodes[0].options.fused_activation_function == "RELU"


def test_an_activation_stays_where_its_input_is_read_elsewhere(sketch):
    before = sketch.conv("conv", sketch.x)
    after = sketch.emit("RELU", "relu", (before,))
    total = sketch.emit("ADD", "total", (before, after))
    assert ops(sketch.simplified(total)) == ["CONV_2D", "RELU", "ADD"]


def test_what_nobody_reads_goes(sketch):
    y = sketch.conv("conv", sketch.x)
    sketch.emit("RELU", "unread", (y,))
    assert ops(sketch.simplified(y)) == ["CONV_2D"]
