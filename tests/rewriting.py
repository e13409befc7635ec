"""What tests of graph rewrites share: small graphs, and the comparison before and after."""

import numpy as np

from tinygen import reference
from tinygen.ir import Graph, Node, Tensor
from tinygen.ops import operator
from tinygen.ops.base import INT32, quantized
from tinygen.ops.sampling import stimuli

SCALE, ZERO_POINT = 0.05, -7


def int8(name, shape, scale=SCALE, zero_point=ZERO_POINT, data=None):
    return quantized(name, shape, scale, zero_point, data)


def node(op, name, inputs, outputs, **options):
    """A node that its operator accepts, whose outputs have the shapes it infers."""
    kind = operator(op)
    made = Node(op, name, tuple(inputs), tuple(outputs), kind.options_type(**options))
    kind.check(made)
    assert kind.shapes(made) == tuple(tensor.shape for tensor in made.outputs)
    return made


def reshape(name, x, y):
    return node("RESHAPE", name, (x,), (y,), new_shape=y.shape)


def relu(name, x, y):
    return node("RELU", name, (x,), (y,))


def pad(name, x, y, paddings):

    table = Tensor("paddings", (len(paddings), 2), INT32, data=np.array(paddings, np.int32))
    return node("PAD", name, (x, table), (y,))


def check_rewrite(before: Graph, after: Graph, seed=0):
    """Fail unless both graphs have the same inputs and outputs, of the same values."""
    assert after.inputs == before.inputs
    assert after.outputs == before.outputs
    for made in after.nodes:
        operator(made.op).check(made)
    for values in stimuli(before.inputs, seed, randoms=3):
        expected = reference.run(before, values)
        actual = reference.run(after, values)
        for tensor in before.outputs:
            np.testing.assert_array_equal(actual[tensor], expected[tensor])
