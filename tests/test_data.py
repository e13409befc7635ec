import numpy as np
import pytest

from tinygen import data
from tinygen.errors import DataError
from tinygen.ir import Tensor
from tinygen.ops.base import quantized

X = quantized("image", (1, 4, 3, 1), 0.5, 10)
FLOAT = Tensor("samples", (1, 5), np.dtype(np.float32))


def saved(path, **arrays):
    np.savez(path / "d.npz", **arrays)
    return path / "d.npz"


def test_int8_is_taken_as_it_is(tmp_path):
    x = np.arange(-12, 12, dtype=np.int8).reshape(2, 4, 3, 1)
    samples = data.load(saved(tmp_path, x=x, y=np.array([1, 0])), [X])
    assert len(samples) == 2
    assert samples.inputs[0].shape == (2, 1, 4, 3, 1)
    assert [sample[0].tobytes() for sample in samples] == [x[0].tobytes(), x[1].tobytes()]
    assert samples.labels.tolist() == [1, 0]


def test_real_values_are_quantized_rounded_and_saturated(tmp_path):
    x = np.zeros((1, 4, 3, 1))
    x.flat[:6] = [0.25, -0.25, 0.24, 1e9, -1e9, 5]
    samples = data.load(saved(tmp_path, x=x), [X])
    assert samples.inputs[0].dtype == np.int8
    assert samples.inputs[0].reshape(-1)[:6].tolist() == [11, 9, 10, 127, -128, 20]


def test_real_values_stay_real_for_a_real_input(tmp_path):
    samples = data.load(saved(tmp_path, x=np.full((3, 5), 1.5)), [FLOAT])
    assert samples.inputs[0].dtype == np.float32
    assert samples.inputs[0].shape == (3, 1, 5)


def test_axes_of_length_one_may_be_left_out(tmp_path):
    samples = data.load(saved(tmp_path, x=np.zeros((7, 4, 3), np.int8)), [X])
    assert samples.inputs[0].shape == (7, 1, 4, 3, 1)


def test_a_limit_takes_the_first_samples(tmp_path):
    x = np.arange(5, dtype=np.int8)[:, None, None, None] * np.ones((1, 4, 3, 1), np.int8)
    samples = data.load(saved(tmp_path, x=x, y=np.arange(5)), [X], limit=2)
    assert len(samples) == 2
    assert samples.labels.tolist() == [0, 1]


def test_several_inputs_are_x0_x1(tmp_path):
    file = saved(tmp_path, x0=np.zeros((2, 4, 3, 1), np.int8), x1=np.ones((2, 5), np.float32))
    samples = data.load(file, [X, FLOAT])
    assert [array.shape for array in samples.inputs] == [(2, 1, 4, 3, 1), (2, 1, 5)]


GOOD = np.zeros((2, 4, 3, 1), np.int8)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"z": GOOD}, ["no array 'x'", "it has z"]),
        ({"x": np.zeros((2, 3, 4, 1), np.int8)}, ["(2, 3, 4, 1)", "(samples, 4, 3, 1)"]),
        ({"x": np.zeros((2, 12), np.int8)}, ["(2, 12)", "'image'"]),
        ({"x": np.int8(3)}, ["shape ()"]),
        ({"x": GOOD.astype(np.uint8)}, ["uint8", "int8", "not for tinygen to guess"]),
        ({"x": GOOD.astype(np.int64)}, ["int64", "save it as int8"]),
        ({"x": np.full((2, 4, 3, 1), np.nan)}, ["not finite"]),
        ({"x": GOOD[:0]}, ["x has 0 samples"]),
        ({"x": GOOD, "y": np.zeros(3, int)}, ["x has 2", "y has 3"]),
        ({"x": GOOD, "y": np.zeros((2, 10), int)}, ["y has", "(2, 10)", "one integer class"]),
        ({"x": GOOD, "y": np.zeros(2)}, ["y has", "float64"]),
    ],
)
def test_wrong_arrays_are_one_sentence_that_names_file_and_array(tmp_path, arrays, said):
    with pytest.raises(DataError) as caught:
        data.load(saved(tmp_path, **arrays), [X])
    message = str(caught.value)
    assert "\n" not in message
    assert "d.npz" in message
    for part in said:
        assert part in message


def test_a_pickle_is_never_opened(tmp_path):
    with pytest.raises(DataError, match=r"d\.npz is not a readable \.npz file"):
        data.load(saved(tmp_path, x=np.array([{"a": 1}], object)), [X])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", b"text", b"\x93NUMPY\x01"])
def test_damaged_files_are_one_sentence(tmp_path, content):
    (tmp_path / "d.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"d\.npz is not a readable") as caught:
        data.load(tmp_path / "d.npz", [X])
    assert "\n" not in str(caught.value)


def test_one_array_alone_is_not_enough(tmp_path):
    np.save(tmp_path / "d.npy", GOOD)
    with pytest.raises(DataError, match=r"one \.npy array"):
        data.load(tmp_path / "d.npy", [X])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        data.load(tmp_path / "absent.npz", [X])


def test_random_samples_are_the_same_every_time_and_cover_the_range():
    first, second = (data.random([X, FLOAT], 50) for _ in range(2))
    assert all((a == b).all() for a, b in zip(first.inputs, second.inputs, strict=True))
    assert first.inputs[0].min() == -128
    assert first.inputs[0].max() == 127
    assert first.inputs[1].dtype == np.float32


@pytest.mark.parametrize(
    ("output", "tensor", "expected"),
    [
        (np.array([[1, 9, 3]], np.int8), quantized("o", (1, 3), 1, 0), 1),
        (np.array([[-1]], np.int8), quantized("o", (1, 1), 1 / 256, -128), 0),
        (np.array([[0]], np.int8), quantized("o", (1, 1), 1 / 256, -128), 1),
        (np.array([[0.7]], np.float32), Tensor("o", (1, 1), np.dtype(np.float32)), 1),
        (np.array([7], np.int32), Tensor("o", (1,), np.dtype(np.int32)), 7),
    ],
)
def test_the_class_an_output_stands_for(output, tensor, expected):
    assert data.predicted(output, tensor) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [(["y", "x"], ["x"]), (["x1", "x0", "x3"], ["x0", "x1"]), (["y"], [])],
)
def test_arrays_that_hold_samples(names, expected):
    assert data.input_names(dict.fromkeys(names)) == expected
