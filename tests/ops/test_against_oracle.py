"""Every operator's numpy definition against tflite-micro, on nodes the operator draws itself."""

import numpy as np
import pytest
from drawing import HypothesisDraw
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tinygen import oracle, reference
from tinygen.ir import Graph
from tinygen.ops import operator, operators
from tinygen.ops.sampling import SeededDraw, stimuli
from tinygen.tflite_format.writer import write

pytestmark = pytest.mark.skipif(
    not oracle.available(), reason="tflite-micro is not installed (extra 'verify')"
)

EXAMPLES = 200
MANY = 3000


def compare(node, seed, randoms=2):
    """Fail unless the node's check accepts it, and shapes and all values agree with the oracle."""
    op = operator(node.op)
    op.check(node)
    assert op.shapes(node) == tuple(tensor.shape for tensor in node.outputs)
    graph = Graph("sample", node.activations, node.outputs, (node,))
    model = write(graph)
    indices = {tensor: i for i, tensor in enumerate(graph.tensors())}
    interpreter = oracle.Oracle(model)
    for values in stimuli(graph.inputs, seed, randoms):
        expected = interpreter.run(values)
        actual = reference.run(graph, values)
        for tensor in node.outputs:
            assert actual[tensor].dtype == tensor.dtype
            np.testing.assert_array_equal(actual[tensor], expected[indices[tensor]])


@pytest.mark.parametrize("name", operators())
def test_numpy_equals_the_oracle(name):
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def check(data):
        node = operator(name).sample(HypothesisDraw(data))
        compare(node, data.draw(st.integers(0, 2**32 - 1)))

    check()


@pytest.mark.slow
@pytest.mark.parametrize("name", operators())
def test_numpy_equals_the_oracle_on_many(name):
    for seed in range(MANY):
        try:
            compare(operator(name).sample(SeededDraw(seed)), seed, randoms=1)
        except AssertionError as error:
            raise AssertionError(f"{name}, seed {seed}: {error}") from error
