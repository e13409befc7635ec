"""Layer names from converters' tensor names."""

import pytest

from tinygen.frontend.names import MAX_LENGTH, Names, label, layer_name, printable, short_name

FUSED = (
    "functional_1/activation/Relu;functional_1/batch_normalization/FusedBatchNormV3;"
    "functional_1/conv2d/BiasAdd/ReadVariableOp/resource;functional_1/conv2d/BiasAdd;"
    "functional_1/conv2d_4/Conv2D;functional_1/conv2d/Conv2D1"
)


@pytest.mark.parametrize(
    ("long", "short"),
    [
        (FUSED, "conv2d"),
        ("model/conv1/Relu;model/conv1/BiasAdd", "conv1"),
        ("functional_1/activation_1/Relu;functional_1/dense_1/BiasAdd", "dense_1"),
        ("model/activation_2/Relu;model/add/add", "add"),
        ("model/block_3/conv/Conv2D", "block_3_conv"),
        ("model/conv1d/Conv1D/Squeeze", "conv1d"),
        ("sequential_1/dense_1/MatMul", "dense_1"),
        ("dense/MatMul", "dense"),
        ("conv", "conv"),
        ("serving_default_input:0", "serving_default_input_0"),
        ("*/ system(0); /*", "system_0"),
        ("", ""),
        ("///", ""),
        ("x" * 500, "x" * MAX_LENGTH),
    ],
)
def test_short_names(long, short):
    assert short_name(long) == short


def test_generic_names_give_way_to_the_weights_and_then_to_the_operator():
    assert layer_name("FULLY_CONNECTED", "Identity", ["model/dense_9/MatMul"]) == "dense_9"
    assert layer_name("SOFTMAX", "Identity_int8", []) == "softmax"
    assert layer_name("SOFTMAX", "StatefulPartitionedCall:0", []) == "softmax"
    assert layer_name("SOFTMAX", "output", []) == "output"


def test_names_are_unique_and_counting_is_cheap():
    names = Names()
    assert [names.unique(n) for n in ("a", "a", "a_2", "a", "a_2")] == [
        "a", "a_2", "a_2_2", "a_3", "a_2_3",
    ]  # fmt: skip
    assert len({names.unique("b") for _ in range(50_000)}) == 50_000


def test_names_from_files_are_safe_to_print():
    assert printable(b"a\nb*/\xff\x00\\") == "a_b_/___"
    assert printable(None) == ""
    assert len(printable(b"x" * 100_000)) == 1024
    assert len(label("x" * 1000)) == 64
