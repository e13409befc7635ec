"""The zoo has the networks of MLPerf Tiny, as big as they are."""

import importlib.util

import numpy as np
import pytest

from tinygen import reference, zoo
from tinygen.errors import InputError
from tinygen.ops import operator
from tinygen.ops.sampling import stimuli
from tinygen.tflite_format.writer import write

trained = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None,
    reason="TensorFlow is not installed (extra 'train')",
)


def test_names_are_those_of_the_benchmark():
    assert zoo.names() == ("ad", "ic", "kws", "vww")


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(InputError, match="no network 'lenet' in the zoo; use one of ad, ic"):
        zoo.build("lenet")


@trained
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "macs", "weights"),
    [
        ("kws", 2_656_768, 22_016),
        ("vww", 7_489_664, 208_112),
        ("ic", 12_501_632, 77_360),
        ("ad", 264_192, 264_192),
    ],
)
def test_int8_networks_are_as_big_as_the_reference_models(name, macs, weights):
    graph = zoo.int8(name)
    assert sum(operator(node.op).macs(node) for node in graph.nodes) == macs == zoo.macs(name)
    stored = {node.input(1) for node in graph.nodes if operator(node.op).macs(node)}
    assert sum(tensor.nbytes for tensor in stored if tensor.is_constant) == weights
    assert write(graph) == write(zoo.int8(name))


@trained
@pytest.mark.slow
def test_values_do_not_fade_on_the_way():
    graph = zoo.int8("kws")
    random = next(iter(stimuli(graph.inputs, 0, 1)))
    values = reference.run(graph, random)
    for node in graph.nodes:
        assert len(np.unique(values[node.output])) > 5, node.name


@trained
@pytest.mark.slow
def test_a_seed_gives_its_own_weights():
    first, again, other = (zoo.build("ad", seed).get_weights()[0] for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()
