"""Reading .tflite files: what is read, and what is refused with which words."""

import os
from pathlib import Path

import numpy as np
import pytest
import tflite
from tiny_models import conv, operator_samples, patch, patch_element, subgraph, two_convs

from tinygen.errors import ModelError, UnsupportedError
from tinygen.frontend.tflite import load, read
from tinygen.ir import Graph, Node, Tensor
from tinygen.ops import operators
from tinygen.ops.base import FLOAT32, INT32, quantized
from tinygen.tflite_format.verifier import MAX_FILE_BYTES
from tinygen.tflite_format.writer import write

TENSOR_SHAPE, TENSOR_TYPE, TENSOR_BUFFER = 0, 1, 2
SCALE, ZERO_POINT = 2, 3


@pytest.fixture
def model():
    return write(two_convs())


def refused(data, *words, error=ModelError):
    with pytest.raises(error) as caught:
        read(data, "model")
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message
    return message


def test_a_model_is_read_as_it_was_written(model):
    original, graph = two_convs(), read(model, "two_convs")
    assert graph.name == "two_convs"
    assert [node.name for node in graph.nodes] == ["conv1", "conv2"]
    assert [tensor.name for tensor in graph.tensors() if not tensor.is_constant] == [
        "input_1", "conv1", "conv2",
    ]  # fmt: skip
    for got, expected in zip(graph.tensors(), original.tensors(), strict=True):
        assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
        assert got.quantization == expected.quantization
        if got.is_constant:
            np.testing.assert_array_equal(got.constant, expected.constant)
    for got, expected in zip(graph.nodes, original.nodes, strict=True):
        assert (got.op, got.options) == (expected.op, expected.options)


def test_source_is_the_index_in_the_file(model):
    graph, stored = read(model, "m"), subgraph(model)
    for tensor in graph.tensors():
        assert stored.Tensors(tensor.source).ShapeAsNumpy().tolist() == list(tensor.shape)
    assert graph.inputs[0].source == stored.Inputs(0)
    assert graph.outputs[0].source == stored.Outputs(0)


def test_constants_are_read_only_views_of_the_file(model):
    weights = read(model, "m").nodes[0].input(1).constant
    assert not weights.flags.writeable
    assert not weights.flags.owndata


@pytest.mark.parametrize("name", operators())
def test_every_operator_is_read(name):
    graph = read(operator_samples()[name], name.lower())
    assert [node.op for node in graph.nodes] == [name]
    again = read(write(graph), name.lower())
    assert again.nodes[0].options == graph.nodes[0].options
    assert [t.shape for t in again.tensors()] == [t.shape for t in graph.tensors()]
    assert again.nodes[0].name == graph.nodes[0].name


def test_load_names_the_graph_after_the_file(model, tmp_path):
    path = tmp_path / "keyword.tflite"
    path.write_bytes(model)
    assert load(path).name == "keyword"


def test_load_says_what_is_wrong_with_the_path(tmp_path):
    with pytest.raises(ModelError, match="no such file"):
        load(tmp_path / "missing.tflite")
    with pytest.raises(ModelError, match="directory"):
        load(tmp_path)


def test_files_that_are_too_large_are_not_read(tmp_path):
    path = tmp_path / "large.tflite"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(ModelError, match=str(MAX_FILE_BYTES)):
        load(path)


def test_shapes_with_an_open_batch_are_taken_as_static(monkeypatch):
    start = tflite.TensorStart

    def start_with_signature(builder):
        signature = builder.CreateNumpyVector(np.array([-1, 5, 4, 2], np.int32))
        start(builder)
        tflite.TensorAddShapeSignature(builder, signature)

    monkeypatch.setattr(tflite, "TensorStart", start_with_signature)
    data = write(two_convs())
    assert subgraph(data).Tensors(0).ShapeSignature(0) == -1
    assert read(data, "m").inputs[0].shape == (1, 5, 4, 2)


def test_batches_are_refused():
    x = quantized("input", (4, 5, 4, 2), 0.02, 3)
    node = conv("conv", x, 3)
    graph = Graph("g", (x,), (node.output,), (node,))
    refused(write(graph), "'input'", "batch size 4", "batch size 1", error=UnsupportedError)


def test_unknown_operators_name_layer_and_way_out(model):
    code = tflite.Model.GetRootAsModel(model, 0).OperatorCodes(0)
    lstm = tflite.BuiltinOperator.LSTM
    data = patch(patch(model, code, 0, "<b", lstm), code, 3, "<i", lstm)
    refused(data, "layer 'conv1' (LSTM)", "CONV_2D", "rebuild", error=UnsupportedError)
    data = patch(patch(model, code, 0, "<b", 32), code, 3, "<i", 32)
    refused(data, "layer 'conv1' (CUSTOM)", error=UnsupportedError)
    data = patch(model, code, 3, "<i", 30000)
    refused(data, "operator 30000", error=UnsupportedError)


def test_old_files_have_only_the_deprecated_operator_code():
    data = operator_samples()["CONV_2D"]
    code = tflite.Model.GetRootAsModel(data, 0).OperatorCodes(0)
    assert read(patch(data, code, 3, "<i", 0), "old").nodes[0].op == "CONV_2D"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (tflite.TensorType.UINT8, ("uint8", "int8")),
        (tflite.TensorType.INT16, ("int16", "quantize activations to int8")),
        (tflite.TensorType.FLOAT32, ("computes in float32", "quantize the whole model to int8")),
        (tflite.TensorType.STRING, ("string",)),
        (99, ("type 99",)),
    ],
)
def test_activations_of_other_types_are_refused(model, number, words):
    between = subgraph(model).Tensors(subgraph(model).Operators(0).Outputs(0))
    data = patch(model, between, TENSOR_TYPE, "<b", number)
    refused(data, "layer 'conv1' (CONV_2D)", *words, error=UnsupportedError)


@pytest.mark.parametrize(
    "kind", [tflite.TensorType.INT4, tflite.TensorType.FLOAT16, tflite.TensorType.UINT8]
)
def test_constants_of_other_types_are_refused(model, kind):
    weights = subgraph(model).Tensors(subgraph(model).Operators(0).Inputs(1))
    data = patch(model, weights, TENSOR_TYPE, "<b", kind)
    refused(data, "layer 'conv1' (CONV_2D)", "model/conv1/Conv2D", "int8", error=UnsupportedError)


def test_a_float_model_is_told_to_be_quantized():
    x = Tensor("input", (1, 8), FLOAT32)
    y = Tensor("output", (1, 8), FLOAT32)
    graph = Graph("g", (x,), (y,), (Node("SOFTMAX", "softmax", (x,), (y,)),))
    graph = graph.replace(
        nodes=(graph.nodes[0].replace(options=operators()["SOFTMAX"].options_type()),)
    )
    refused(write(graph), "layer 'output' (SOFTMAX)", "float32", "quantize", error=UnsupportedError)


def test_float_inside_the_model_is_refused():
    x, y = quantized("input", (1, 8), 0.1, 0), Tensor("middle", (1, 8), FLOAT32)
    z = quantized("output", (1, 8), 0.2, 1)
    nodes = tuple(
        Node(op, name, (a,), (b,), operators()[op].options_type())
        for op, name, a, b in (("DEQUANTIZE", "d", x, y), ("QUANTIZE", "q", y, z))
    )
    refused(write(Graph("g", (x,), (z,), nodes)), "'middle'", "float32", error=UnsupportedError)


def test_float_at_the_edges_is_read():
    a, d = Tensor("input", (1, 8), FLOAT32), Tensor("output", (1, 8), FLOAT32)
    b = quantized("quantized", (1, 8), 0.1, 0)
    nodes = (
        Node("QUANTIZE", "q", (a,), (b,), operators()["QUANTIZE"].options_type()),
        Node("DEQUANTIZE", "d", (b,), (d,), operators()["DEQUANTIZE"].options_type()),
    )
    assert len(read(write(Graph("g", (a,), (d,), nodes)), "g").nodes) == 2


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf"), 1e-30, 1e30])
def test_impossible_scales_are_refused(model, scale):
    quantization = subgraph(model).Tensors(0).Quantization()
    refused(patch_element(model, quantization, SCALE, 0, "<f", scale), "scale", "'input_1'")


@pytest.mark.parametrize("zero_point", [-129, 128, 1 << 40])
def test_zero_points_outside_the_type_are_refused(model, zero_point):
    quantization = subgraph(model).Tensors(0).Quantization()
    data = patch_element(model, quantization, ZERO_POINT, 0, "<q", zero_point)
    refused(data, "zero point", str(zero_point))


def test_scales_must_match_the_axis(model):
    weights = two_convs().nodes[0].input(1)
    with_axis = {"quantization": weights.quant.__class__(weights.quant.scales, (0, 0, 0), 3)}
    graph = two_convs()
    other = Tensor(weights.name, weights.shape, weights.dtype, data=weights.data, **with_axis)
    refused(write(graph.substitute(graph.nodes[0].input(1), other)), "3 scales", "axis 3")
    far = Tensor(
        weights.name, weights.shape, weights.dtype,
        weights.quant.__class__(weights.quant.scales, (0, 0, 0), 9), weights.data,
    )  # fmt: skip
    refused(write(graph.substitute(graph.nodes[0].input(1), far)), "axis 9")
    few = Tensor(
        weights.name, weights.shape, weights.dtype,
        weights.quant.__class__(weights.quant.scales, (0,), 0), weights.data,
    )  # fmt: skip
    refused(write(graph.substitute(graph.nodes[0].input(1), few)), "1 zero points")


def test_constants_must_have_the_size_of_their_shape(model):
    weights = subgraph(model).Tensors(subgraph(model).Operators(0).Inputs(1))
    data = patch_element(model, weights, TENSOR_SHAPE, 1, "<i", 2)
    refused(data, "layer 'conv1'", "54 bytes", "36")


@pytest.mark.parametrize("size", [0, -1, 1 << 30])
def test_impossible_shapes_are_refused(model, size):
    refused(patch_element(model, subgraph(model).Tensors(0), TENSOR_SHAPE, 3, "<i", size), "shape")


def test_output_shapes_must_agree_with_the_operator(model):
    between = subgraph(model).Tensors(subgraph(model).Operators(0).Outputs(0))
    data = patch_element(model, between, TENSOR_SHAPE, 1, "<i", 4)
    refused(data, "layer 'conv1' (CONV_2D)", "(1, 5, 4, 3)", "(1, 4, 4, 3)")


@pytest.mark.parametrize("index", [-2, 7, 1 << 30])
def test_tensor_indices_must_be_in_range(model, index):
    layer = subgraph(model).Operators(1)
    refused(patch_element(model, layer, 1, 0, "<i", index), "layer 1 (CONV_2D)", str(index))
    refused(patch_element(model, layer, 2, 0, "<i", index), "layer 1 (CONV_2D)", str(index))
    refused(patch_element(model, subgraph(model), 1, 0, "<i", index), "inputs", str(index))


def test_missing_operands_are_refused(model):
    refused(patch_element(model, subgraph(model).Operators(1), 1, 0, "<i", -1), "layer 'conv2'")


def test_buffers_must_exist(model):
    data = patch(model, subgraph(model).Tensors(1), TENSOR_BUFFER, "<I", 1000)
    refused(data, "buffer 1000")


def test_layers_must_be_in_execution_order():
    graph = two_convs()
    refused(
        write(graph.replace(nodes=graph.nodes[::-1])), "layer 'conv2'", "before any layer computes"
    )


def test_a_tensor_is_computed_once(model):
    first = subgraph(model).Operators(0).Outputs(0)
    data = patch_element(model, subgraph(model).Operators(1), 2, 0, "<i", first)
    refused(data, "already has a value")
    weights = subgraph(model).Operators(0).Inputs(1)
    data = patch_element(model, subgraph(model).Operators(1), 2, 0, "<i", weights)
    refused(data, "layer")


def test_odd_outputs_are_refused():
    graph = two_convs()
    refused(write(graph.replace(outputs=graph.outputs * 2)), "listed twice")
    refused(write(graph.replace(outputs=graph.inputs)), "also an input")
    refused(write(graph.replace(outputs=(graph.nodes[0].input(1),))), "computed by no layer")
    refused(write(graph.replace(inputs=graph.inputs * 2)), "listed twice")
    refused(write(graph.replace(nodes=())), "0 layers")
    refused(write(graph.replace(outputs=())), "0 outputs")
    refused(write(graph.replace(inputs=(), nodes=graph.nodes[1:])), "0 inputs")


def test_other_schema_versions_are_refused(model):
    root = tflite.Model.GetRootAsModel(model, 0)
    refused(patch(model, root, 0, "<I", 4), "schema version 4")


def test_several_inputs_and_outputs_are_read():
    a, b = quantized("left", (1, 4, 4, 2), 0.1, 0), quantized("right", (1, 4, 4, 2), 0.2, 5)
    first, second = conv("first", a, 2), conv("second", b, 3)
    graph = Graph("g", (b, a), (second.output, first.output), (first, second))
    read_back = read(write(graph), "g")
    assert [t.name for t in read_back.inputs] == ["right", "left"]
    assert [t.name for t in read_back.outputs] == ["second", "first"]


def test_int32_index_constants_need_no_quantization():
    graph = read(operator_samples()["PAD"], "pad")
    (paddings,) = (t for t in graph.tensors() if t.is_constant and t.dtype == INT32)
    assert paddings.quantization is None


OFFICIAL = {
    "kws_ref_model.tflite": (13, (1, 49, 10, 1), "conv2d_4"),
    "vww_96_int8.tflite": (31, (1, 96, 96, 3), "conv2d_13"),
    "pretrainedResnet_quant.tflite": (16, (1, 32, 32, 3), "add_2"),
    "ad01_int8.tflite": (10, (1, 640), "dense_9"),
}


@pytest.mark.reference
@pytest.mark.skipif(
    "TINYGEN_MODELS" not in os.environ, reason="TINYGEN_MODELS does not name the reference models"
)
@pytest.mark.parametrize("file", OFFICIAL)
def test_the_reference_models_are_read(file):
    graph = load(Path(os.environ["TINYGEN_MODELS"]) / "models" / file)
    layers, shape, name = OFFICIAL[file]
    assert len(graph.nodes) == layers
    assert graph.inputs[0].shape == shape
    names = [node.name for node in graph.nodes]
    assert name in names
    assert len(set(names)) == layers
    assert max(map(len, names)) < 24
