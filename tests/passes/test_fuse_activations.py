from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
from drawing import HypothesisDraw
from hypothesis import given, settings
from rewriting import check_rewrite, int8, node, relu

from tinygen import passes
from tinygen.ir import Graph
from tinygen.ops import operator
from tinygen.ops.sampling import SeededDraw
from tinygen.passes import fuse_activations

LAYERS = (
    "ADD",
    "AVERAGE_POOL_2D",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "FULLY_CONNECTED",
    "MAX_POOL_2D",
    "MUL",
    "SUB",
)
CLAMPS = {
    "RELU": lambda x, y: relu("clamp", x, y),
    "RELU6": lambda x, y: node("RELU6", "clamp", (x,), (y,)),
    "LEAKY_RELU": lambda x, y: node("LEAKY_RELU", "clamp", (x,), (y,), alpha=0.0),
    "MAXIMUM": lambda x, y: node("MAXIMUM", "clamp", (x, scalar(x.quant.zero_point)), (y,)),
}


def scalar(stored):
    return int8("scalar", (1,), data=np.array([stored], np.int8))


def followed(layer, second, change=None):
    """A drawn layer and an element-wise node behind it, of the same quantization or a changed."""
    y = replace(layer.output, name="y", quantization=change or layer.output.quantization)
    return Graph("g", layer.activations, (y,), (layer, second(layer.output, y)))


@pytest.mark.parametrize("clamp", CLAMPS)
@pytest.mark.parametrize("op", LAYERS)
def test_a_clamp_becomes_the_activation(op, clamp):
    fused = 0
    for seed in range(12):
        layer = operator(op).sample(SeededDraw(seed))
        if not layer.activations:
            continue
        before = followed(layer, CLAMPS[clamp])
        after = fuse_activations.run(before)
        check_rewrite(before, after, seed)
        fused += len(after.nodes) == 1
        if layer.options.fused_activation_function == "NONE":
            assert [n.op for n in after.nodes] == [op]
    assert fused >= 4  # RELU_N1_TO_1 with another is often no activation there is


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_element_wise_node_behind_any_layer(data):
    draw = HypothesisDraw(data)
    layer = operator(draw.choice(LAYERS)).sample(draw)
    if not layer.activations:
        return
    other = operator("RELU6").sample(draw).output.quantization
    change = draw.choice((None, other))
    before = followed(layer, CLAMPS[draw.choice(sorted(CLAMPS))], change)
    check_rewrite(before, passes.apply(before))


def test_two_clamps_in_a_row():
    layer = operator("CONV_2D").sample(SeededDraw(0))
    layer = layer.replace(options=replace(layer.options, fused_activation_function="NONE"))
    first = followed(layer, CLAMPS["RELU"])
    z = replace(first.outputs[0], name="z")
    before = first.replace(outputs=(z,), nodes=(*first.nodes, CLAMPS["RELU6"](first.outputs[0], z)))
    after = fuse_activations.run(before)
    check_rewrite(before, after)
    assert [n.options.fused_activation_function for n in after.nodes] == ["RELU6"]


def test_kept_where_the_layer_has_other_readers_or_another_scale():
    layer = operator("CONV_2D").sample(SeededDraw(0))
    layer = layer.replace(options=replace(layer.options, fused_activation_function="NONE"))
    before = followed(layer, CLAMPS["RELU"])
    shown = before.replace(outputs=(*before.outputs, layer.output))
    assert fuse_activations.run(shown).nodes == shown.nodes
    scale = replace(layer.output.quantization, scales=(layer.output.quant.scale * 2,))
    rescaled = followed(layer, CLAMPS["RELU"], scale)
    assert fuse_activations.run(rescaled).nodes == rescaled.nodes
