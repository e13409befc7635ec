"""Is the reference right? Compare it with tflite-micro, and the rewritten graph with the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen import oracle, reference
from tinygen.verify.compare import Comparison, same_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.ir import Array, Graph


def against_oracle(graph: Graph, model: bytes, inputs: Sequence[tuple[Array, ...]]) -> Comparison:
    """Compare the numpy reference with tflite-micro on every tensor.

    Raises ProofError naming the first layer whose output differs.
    """
    values = 0
    interpreter = oracle.Oracle(model)
    for number, given in enumerate(inputs):
        expected = interpreter.run(given)
        got = reference.run(graph, given)
        for node in graph.nodes:
            for tensor in node.outputs:
                if tensor.source not in expected:
                    continue
                same_bytes(
                    "the numpy reference",
                    "tflite-micro",
                    node.name,
                    tensor,
                    number,
                    got[tensor],
                    expected[tensor.source],
                )
                values += tensor.size
    return Comparison("tflite-micro", len(inputs), values)


def against_source(source: Graph, rewritten: Graph, inputs: Sequence[tuple[Array, ...]]) -> None:
    """Compare what the rewritten graph computes with what the model as it was read computes.

    Raises ProofError naming the first tensor that differs; tensors that a rewrite made anew are
    covered by those after them.
    """
    surviving = set(source.tensors())
    for number, given in enumerate(inputs):
        expected = reference.run(source, given)
        got = reference.run(rewritten, given)
        for node in rewritten.nodes:
            for tensor in node.outputs:
                if tensor in surviving:
                    same_bytes(
                        "the rewritten graph",
                        "the model",
                        node.name,
                        tensor,
                        number,
                        got[tensor],
                        expected[tensor],
                    )
