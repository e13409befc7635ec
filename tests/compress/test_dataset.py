"""Samples from files and functions, and one sentence for whatever is wrong with them."""

import numpy as np
import pytest
from classifiers import blobs, convolutional
from keras_layers import L, keras

from tinygen.compress import dataset
from tinygen.errors import DataError

X = np.arange(40, dtype=np.float32).reshape(20, 2)
Y = np.arange(20) % 3
PARTS = {"x_train": X, "y_train": Y, "x_test": X[:5] + 100, "y_test": Y[:5]}

MODULE = """
import numpy as np
x, y = np.arange(40, dtype=np.float32).reshape(20, 2), np.arange(20) % 3
def mapping():
    return {"x_train": x, "y_train": y, "x_test": x[:5] + 100, "y_test": y[:5]}
def pairs():
    return (x, y), (x[:5] + 100, y[:5])
def streams():
    import tensorflow as tf
    make = tf.data.Dataset.from_tensor_slices
    return make((x, y)).batch(3), make((x[:5] + 100, y[:5]))
def empty():
    import tensorflow as tf
    none = tf.data.Dataset.from_tensor_slices((x[:0], y[:0]))
    return none, none
def unlabelled():
    import tensorflow as tf
    one = tf.data.Dataset.from_tensor_slices(x)
    return one, one
def broken():
    raise ValueError("no such folder")
def number():
    return 3
def numbers():
    return 3, 4
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "my_samples.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "my_samples", raising=False)
    return tmp_path


def test_four_arrays_of_a_file(here):
    np.savez("d.npz", **PARTS)
    found = dataset.load("d.npz")
    assert (len(found.train), len(found.test)) == (20, 5)
    assert np.array_equal(found.test.x, PARTS["x_test"])
    assert np.array_equal(found.train.y, Y)


@pytest.mark.parametrize("function", ["mapping", "pairs", "streams"])
def test_what_functions_return(here, function):
    found = dataset.load(f"my_samples:{function}")
    for part, name in ((found.train, "train"), (found.test, "test")):
        assert np.array_equal(part.x, PARTS[f"x_{name}"])
        assert np.array_equal(part.y, PARTS[f"y_{name}"])
        assert (part.x.dtype, part.y.dtype) == (np.float32, np.int64)


def test_a_fifth_is_held_back_and_nothing_is_in_both(here):
    np.savez("d.npz", x=X, y=Y)
    found, again = dataset.load("d.npz"), dataset.load("d.npz")
    assert (len(found.train), len(found.test)) == (16, 4)
    rows = np.concatenate([found.train.x, found.test.x])
    assert np.array_equal(rows[np.argsort(rows[:, 0])], X)
    assert np.array_equal(found.test.x, again.test.x)


def test_left_out_axes_of_length_one_come_back():
    model = convolutional()
    flat = dataset.make({k: v[..., 0] if k[0] == "x" else v for k, v in _parts(blobs()).items()})
    assert flat.fitted(model).train.x.shape == (48, 6, 6, 1)


def _parts(data):
    return {
        "x_train": data.train.x,
        "y_train": data.train.y,
        "x_test": data.test.x,
        "y_test": data.test.y,
    }


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"x_train": X[:0], "y_train": Y[:0]}, r"x_train is empty or no list of samples"),
        ({"x_train": X[:, 0]}, r"x_train is empty or no list of samples"),
        ({"x_train": np.where(X == 3, np.nan, X)}, r"x_train holds values that are not finite"),
        ({"x_test": X[:5].astype(str)}, r"x_test holds values that are not finite numbers"),
        ({"y_train": Y[:7]}, r"y_train .* one integer class for each of the 20 samples"),
        ({"y_test": Y[:5] / 2}, r"y_test has dtype float64"),
    ],
)
def test_arrays_that_are_wrong(changes, sentence):
    with pytest.raises(DataError, match=f"data: {sentence}"):
        dataset.make({**PARTS, **changes})


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("none.npz", r"data file none\.npz does not exist"),
        ("nothing:here", r"'nothing:here' cannot be found .* module:function"),
        ("my_samples:nothing", r"'my_samples:nothing' cannot be found"),
        ("my_samples:broken", r"'my_samples:broken' failed \(ValueError: no such folder\)"),
        ("my_samples:number", r"returned int; return a mapping"),
        ("my_samples:numbers", r"train part is a int; give a tf\.data\.Dataset"),
        ("my_samples:empty", r"train part is empty"),
        ("my_samples:unlabelled", r"does not yield pairs"),
    ],
)
def test_sources_that_are_wrong(here, source, sentence):
    with pytest.raises(DataError, match=sentence):
        dataset.load(source)


def test_too_few_or_misnamed_arrays():
    with pytest.raises(DataError, match="has 4 samples, too few to hold some back"):
        dataset.make({"x": X[:4], "y": Y[:4]})
    with pytest.raises(DataError, match="data has a, b; it needs x and y, or x_train"):
        dataset.make({"a": X, "b": Y})


def test_what_does_not_fit_the_model():
    model = convolutional()
    with pytest.raises(DataError, match=r"train samples have shape \(7,\), but the model takes"):
        blobs(shape=(7,)).fitted(model)
    with pytest.raises(
        DataError, match=r"train classes go from 0 to 3, but the model has 3; number"
    ):
        blobs(classes=4).fitted(model)
    x = L.Input((2,))
    with pytest.raises(DataError, match="has 1 inputs and 2 outputs"):
        blobs().fitted(keras.Model(x, [L.Dense(2)(x), L.Dense(3)(x)]))
    with pytest.raises(DataError, match="ends in one value that is no probability"):
        blobs(shape=(2,), classes=2).fitted(keras.Model(x, L.Dense(1)(x)))
    sigmoid = keras.Sequential([L.Input((2,)), L.Dense(1, activation="sigmoid")])
    assert len(dataset.make({"x": X, "y": Y % 2}).fitted(sigmoid).train) == 16
