"""Proofs that must fail: break one thing, and the proof names the place."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tinygen import oracle, reference, verify
from tinygen.compiler import compile_graph
from tinygen.cores import core
from tinygen.errors import ProofError
from tinygen.frontend import tflite
from tinygen.ops.sampling import stimuli
from tinygen.verify.host import on_host
from tinygen.verify.model import against_oracle, against_source
from tinygen.verify.target import on_target

MODEL = Path(__file__).parent / "models" / "digits_separable.tflite"


@pytest.fixture(scope="module")
def network():
    return compile_graph(tflite.load(MODEL), core("cortex-m4"), kernels="tinygen")


def inputs(graph, count=1):
    return [tuple(given) for given in stimuli(graph.inputs, 3, count)]


def broken(network, file, old, new):
    """The network with a piece of its C replaced, which must be there."""
    assert old in network.files[file]
    files = {**network.files, file: network.files[file].replace(old, new, 1)}
    return dataclasses.replace(network, files=files)


def middle_layer(network):
    return network.executed[len(network.executed) // 2]


def test_a_right_network_is_proven(network):
    certificate = verify.prove(network, MODEL.read_bytes())
    outputs = sum(t.size for layer in network.executed for t in layer.node.outputs)
    assert certificate.host.values == certificate.host.inputs * outputs
    assert certificate.target.comparison.values == certificate.host.values
    assert len(certificate.target.costs) == len(network.executed)
    assert all(cost.instructions > 0 for cost in certificate.target.costs)
    if oracle.available():
        assert certificate.oracle.method == "tflite-micro"


@pytest.mark.parametrize("prove", [on_host, on_target])
def test_a_wrong_weight_is_found_and_its_layer_named(network, prove):
    layer = middle_layer(network)
    packed = layer.implementation.constants[0].data.reshape(-1)
    flipped = packed.copy()
    flipped[0] ^= 1 << 20 if packed.dtype == np.int32 else 64
    constant = dataclasses.replace(layer.implementation.constants[0], data=flipped)
    changed = dataclasses.replace(
        layer.implementation, constants=(constant, *layer.implementation.constants[1:])
    )
    wrong = recompiled(network, layer, changed)
    with pytest.raises(ProofError, match=rf"first in layer '{layer.node.name}'"):
        prove(wrong, inputs(network.graph))


def recompiled(network, layer, implementation):
    """The network's C with another implementation of one layer."""
    from tinygen import codegen
    from tinygen.memory.lifetimes import lifetimes

    layers = tuple(
        dataclasses.replace(each, implementation=implementation) if each is layer else each
        for each in network.layers
    )
    buffers = lifetimes(network.graph, [each.implementation for each in layers]).buffers
    files = codegen.render(
        network.name, network.core, network.graph, layers, network.offsets, network.plan, buffers
    )
    return dataclasses.replace(network, layers=layers, files=files)


@pytest.mark.parametrize(
    ("prove", "old", "new"),
    [
        (on_host, "(int64_t)a * b + ((int64_t)1 << 31)", "(int64_t)a * b"),
        (on_target, '"smmlar"', '"smmla"'),
    ],
)
def test_a_wrong_rounding_is_found(network, prove, old, new):
    wrong = broken(network, "tinygen_simd.h", old, new)
    with pytest.raises(ProofError, match="differs from the reference first in layer"):
        prove(wrong, inputs(network.graph, 20))


@pytest.mark.parametrize("prove", [on_host, on_target])
@pytest.mark.parametrize("offset", [-64, 1 << 14])
def test_a_write_outside_the_arena_is_found(network, prove, offset):
    layer = middle_layer(network)
    old = f"(int8_t *)(arena + {network.offsets[layer.node.output]})"
    wrong = broken(network, "network.c", old, f"(int8_t *)(arena + ({offset}))")
    with pytest.raises(ProofError):
        prove(wrong, inputs(network.graph))


def test_undefined_behaviour_is_found(network):
    wrong = broken(
        network,
        "network.c",
        "void network_invoke_layer(void *arena, uint32_t layer)\n{\n",
        "void network_invoke_layer(void *arena, uint32_t layer)\n{\n"
        "    volatile int32_t big = INT32_MAX;\n    big = big + 1;\n",
    )
    with pytest.raises(ProofError, match="signed integer overflow"):
        on_host(wrong, inputs(network.graph))


def test_a_wrong_rewrite_is_found(network):
    source = network.source
    given = inputs(source)
    values = reference.run_all(source, given)
    last = source.nodes[-1]
    changed = {**values[0], last.output: values[0][last.output] ^ 1}
    with pytest.raises(ProofError, match=f"'{last.name}'"):
        against_source(source, source, values, [changed, *values[1:]])


@pytest.mark.skipif(not oracle.available(), reason="tflite-micro (extra verify) is not installed")
def test_a_wrong_reference_is_found(network):
    source = network.source
    given = inputs(source)
    values = reference.run_all(source, given)
    node = source.nodes[3]
    wrong = values[1][node.output].copy()
    wrong.reshape(-1)[-1] ^= 1
    values[1] = {**values[1], node.output: wrong}
    with pytest.raises(ProofError, match=rf"layer '{node.name}'.*input 1.*1 of \d+ values differ"):
        against_oracle(source, MODEL.read_bytes(), given, values)
