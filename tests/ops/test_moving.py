"""Operators that move data: what they refuse, and cases their samplers do not draw."""

from dataclasses import replace

import numpy as np
import pytest

from tinygen import oracle
from tinygen.errors import UnsupportedError
from tinygen.ir import Graph, Node, Tensor
from tinygen.ops import operator
from tinygen.ops.arg_max import ArgMaxOptions
from tinygen.ops.base import quantized
from tinygen.ops.concatenation import ConcatenationOptions
from tinygen.ops.resizing import ResizeOptions
from tinygen.ops.shapes import integer_tensor, scalar_tensor
from tinygen.ops.split import SplitOptions
from tinygen.ops.squeeze import SqueezeOptions
from tinygen.ops.strided_slice import StridedSliceOptions
from tinygen.tflite_format.writer import write


def int8(shape, scale=0.5, zero_point=3, name="x"):
    return quantized(name, shape, scale, zero_point)


def build(name, inputs, options=None, outputs=None):
    """A node whose output has the shape the operator infers, where it can."""
    node = Node(name, "layer", inputs, outputs or (int8((1,)),), options)
    if outputs is None:
        shapes = operator(name).shapes(node)
        node = node.replace(outputs=tuple(int8(shape, name="y") for shape in shapes))
    return node


def strided(shape, begin, end, stride, **masks):
    inputs = (int8(shape), *map(integer_tensor, ("begin", "end", "stride"), (begin, end, stride)))
    return Node("STRIDED_SLICE", "layer", inputs, (int8((1,)),), StridedSliceOptions(**masks))


FLOAT = Tensor("f", (2, 4), np.dtype(np.float32))
UNKNOWN_AXIS = Tensor("axis", (), np.dtype(np.int32))
WIDE_AXIS = Tensor("axis", (), np.dtype(np.int64), data=np.array(0, np.int64))
SIX_D = int8((1, 1, 1, 1, 2, 3))

REFUSED = {
    "squeeze long axis": (
        Node("SQUEEZE", "layer", (int8((1, 4)),), (int8((1,)),), SqueezeOptions((1,))),
        "axis 1 of an input of shape .* does not have length 1",
    ),
    "squeeze no axis": (
        Node("SQUEEZE", "layer", (int8((1, 4)),), (int8((1,)),), SqueezeOptions((2,))),
        "axis 2 does not exist",
    ),
    "expand unknown axis": (
        Node("EXPAND_DIMS", "layer", (int8((4,)), UNKNOWN_AXIS), (int8((1,)),)),
        "axis is not a constant int32 tensor; export the model",
    ),
    "expand far axis": (
        Node("EXPAND_DIMS", "layer", (int8((4,)), scalar_tensor("a", 2)), (int8((1,)),)),
        "axis 2 does not exist",
    ),
    "expand float": (
        Node("EXPAND_DIMS", "layer", (FLOAT, scalar_tensor("a", 0)), (int8((1,)),)),
        "tensor 'f' is float32",
    ),
    "concatenate scales": (
        Node(
            "CONCATENATION",
            "layer",
            (int8((2, 3)), int8((2, 3), 0.25, name="other")),
            (int8((2, 6)),),
            ConcatenationOptions(1),
        ),
        "input 'other' is not quantized like the output",
    ),
    "concatenate shapes": (
        Node(
            "CONCATENATION",
            "layer",
            (int8((2, 3)), int8((3, 3))),
            (int8((2, 6)),),
            ConcatenationOptions(1),
        ),
        "do not meet along axis 1",
    ),
    "concatenate ranks": (
        Node(
            "CONCATENATION",
            "layer",
            (int8((2, 3)), int8((2, 3, 1))),
            (int8((2, 6)),),
            ConcatenationOptions(1),
        ),
        "do not meet along axis 1",
    ),
    "concatenate activation": (
        Node(
            "CONCATENATION",
            "layer",
            (int8((2, 3)),),
            (int8((2, 3)),),
            ConcatenationOptions(1, "RELU"),
        ),
        "fused RELU; put the activation into a layer of its own",
    ),
    "split unevenly": (
        Node(
            "SPLIT",
            "layer",
            (scalar_tensor("a", 1), int8((2, 5))),
            (int8((2, 2)), int8((2, 2))),
            SplitOptions(2),
        ),
        "axis 1 of length 5 has no 2 equal parts",
    ),
    "split outputs": (
        Node(
            "SPLIT",
            "layer",
            (scalar_tensor("a", 1), int8((2, 6))),
            (int8((2, 3)), int8((2, 3))),
            SplitOptions(3),
        ),
        "3 parts and has 2 outputs",
    ),
    "split unknown axis": (
        Node("SPLIT", "layer", (UNKNOWN_AXIS, int8((2,))), (int8((2,)),), SplitOptions(1)),
        "axis is not a constant int32 tensor",
    ),
    "slice outside": (
        Node(
            "SLICE",
            "layer",
            (int8((2, 5)), integer_tensor("b", (0, 3)), integer_tensor("s", (1, 3))),
            (int8((1, 3)),),
        ),
        "leaves the input of shape",
    ),
    "slice nothing": (
        Node(
            "SLICE",
            "layer",
            (int8((2, 5)), integer_tensor("b", (0, 3)), integer_tensor("s", (1, 0))),
            (int8((1, 3)),),
        ),
        "is empty",
    ),
    "slice some axes": (
        Node(
            "SLICE",
            "layer",
            (int8((2, 5)), integer_tensor("b", (0,)), integer_tensor("s", (1,))),
            (int8((1, 3)),),
        ),
        "give one entry per axis",
    ),
    "slice rank": (
        Node(
            "SLICE",
            "layer",
            (SIX_D, integer_tensor("b", (0,) * 6), integer_tensor("s", (-1,) * 6)),
            (SIX_D,),
        ),
        "has 6 dimensions; reshape it to 1 to 5",
    ),
    "stride of 0": (strided((4,), (0,), (4,), (0,)), "hold a 0"),
    "stride back to one": (
        strided((4,), (2,), (1,), (-1,), shrink_axis_mask=1),
        "run backwards to one element",
    ),
    "strided nothing": (strided((4,), (3,), (1,), (1,)), "takes nothing"),
    "strided behind": (strided((4,), (9,), (10,), (1,), shrink_axis_mask=1), "takes nothing"),
    "strided some axes": (strided((4, 4), (0,), (1,), (1,)), "slice every axis, as in"),
    "strided ellipsis": (strided((4,), (0,), (1,), (1,), ellipsis_mask=1), "an ellipsis"),
    "strided new axis": (strided((4,), (0,), (1,), (1,), new_axis_mask=1), "a new axis"),
    "strided offset": (strided((4,), (0,), (1,), (1,), offset=True), "counts from the beginning"),
    "transpose twice": (
        Node("TRANSPOSE", "layer", (int8((2, 3)), integer_tensor("p", (0, 0))), (int8((2, 2)),)),
        "not a permutation of the 2 axes",
    ),
    "transpose negative": (
        Node("TRANSPOSE", "layer", (int8((2, 3)), integer_tensor("p", (-1, 0))), (int8((3, 2)),)),
        "counted from the front",
    ),
    "arg max wide axis": (
        Node("ARG_MAX", "layer", (int8((2, 3)), WIDE_AXIS), (int8((2,)),), ArgMaxOptions()),
        "axis is not a constant int32 tensor",
    ),
    "arg max wide result": (
        Node(
            "ARG_MAX",
            "layer",
            (int8((2, 3)), scalar_tensor("a", 1)),
            (Tensor("y", (2,), np.dtype(np.int64)),),
            ArgMaxOptions("INT64"),
        ),
        "its output is int64; ask for int32 indices",
    ),
    "resize to nothing": (
        Node(
            "RESIZE_BILINEAR",
            "layer",
            (int8((1, 2, 2, 1)), integer_tensor("s", (0, 4))),
            (int8((1, 0, 4, 1)),),
            ResizeOptions(),
        ),
        "a height and a width of at least 1",
    ),
    "resize twice aligned": (
        Node(
            "RESIZE_BILINEAR",
            "layer",
            (int8((1, 2, 2, 1)), integer_tensor("s", (4, 4))),
            (int8((1, 4, 4, 1)),),
            ResizeOptions(True, True),
        ),
        "choose one of them",
    ),
    "resize too finely": (
        Node(
            "RESIZE_BILINEAR",
            "layer",
            (int8((1, 103, 1, 1)), integer_tensor("s", (2048, 1))),
            (int8((1, 2048, 1, 1)),),
            ResizeOptions(),
        ),
        "too coarse to resize",
    ),
    "resize a vector": (
        Node(
            "RESIZE_NEAREST_NEIGHBOR",
            "layer",
            (int8((4,)), integer_tensor("s", (4, 4))),
            (int8((1, 4, 4, 1)),),
            ResizeOptions(),
        ),
        "not NHWC",
    ),
    "maximum of odd shapes": (
        Node("MAXIMUM", "layer", (int8((4,)), int8((3,))), (int8((4,)),)),
        "do not broadcast",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_one_sentence(case):
    node, what = REFUSED[case]
    with pytest.raises(UnsupportedError, match=what) as error:
        operator(node.op).check(node)
    message = str(error.value)
    assert message.startswith(f"layer 'layer' ({node.op}): ")
    assert "; " in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("begin", "end", "stride", "masks", "expected"),
    [
        ((-100, 1), (100, 100), (1, 2), {}, np.s_[:, 1::2]),
        ((-1, 5), (-100, 0), (-2, -3), {}, np.s_[::-2, 5:0:-3]),
        ((3, 2), (0, 3), (1, 1), {"begin_mask": 1, "end_mask": 1}, np.s_[:, 2:3]),
        ((-2, 0), (0, 6), (1, 1), {"shrink_axis_mask": 1}, np.s_[-2, :]),
        ((2, 3), (3, 4), (1, 1), {"shrink_axis_mask": 3}, np.s_[2, 3]),
    ],
)
def test_strided_slice_is_the_slice_of_numpy(begin, end, stride, masks, expected):
    node = strided((4, 6), begin, end, stride, **masks)
    op = operator("STRIDED_SLICE")
    op.check(node)
    node = node.replace(outputs=(int8(op.shapes(node)[0]),))
    x = np.arange(24, dtype=np.int8).reshape(4, 6)
    np.testing.assert_array_equal(op.compute(node, [x, None, None, None])[0], x[expected])


@pytest.mark.skipif(not oracle.available(), reason="tflite-micro is not installed")
@pytest.mark.parametrize("half_pixel_centers", [False, True])
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("name", ["RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"])
def test_resizing_lines_of_many_lengths(name, align_corners, half_pixel_centers):
    if name == "RESIZE_BILINEAR" and align_corners and half_pixel_centers:
        pytest.skip("RESIZE_BILINEAR refuses both options at once")
    rng = np.random.default_rng(3)
    for _ in range(40):
        before, after = (int(n) for n in rng.integers(1, 400, 2))
        node = build(
            name,
            (int8((1, before, 1, 1)), integer_tensor("size", (after, 1))),
            ResizeOptions(align_corners, half_pixel_centers),
        )
        operator(name).check(node)
        x = rng.integers(-128, 128, (1, before, 1, 1)).astype(np.int8)
        expected = oracle.run(write(Graph("g", node.activations, node.outputs, (node,))), [x])[2]
        np.testing.assert_array_equal(operator(name).compute(node, [x])[0], expected)


def test_arg_max_takes_the_first_of_equals():
    x = np.array([[1, 7, 7], [-128, -128, -128]], np.int8)
    node = build("ARG_MAX", (int8((2, 3)), scalar_tensor("axis", -1)), ArgMaxOptions())
    assert operator("ARG_MAX").compute(node, [x])[0].tolist() == [1, 0]


def test_split_computes_every_part_in_order():
    node = build("SPLIT", (scalar_tensor("axis", 0), int8((4,))), SplitOptions(2))
    parts = operator("SPLIT").compute(node, [None, np.array([1, 2, 3, 4], np.int8)])
    assert [part.tolist() for part in parts] == [[1, 2], [3, 4]]


def test_squeeze_without_axes_drops_all_of_length_one():
    node = build("SQUEEZE", (int8((1, 3, 1, 2)),), SqueezeOptions())
    assert node.output.shape == (3, 2)
    with pytest.raises(UnsupportedError, match="not int8"):
        operator("SQUEEZE").check(
            node.replace(outputs=(replace(node.output, dtype=np.dtype(np.int16)),))
        )
