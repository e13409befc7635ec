"""Is the reference right? Compare it with tflite-micro, and the rewritten graph with the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen import oracle
from tinygen.verify.compare import Comparison, same_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.ir import Array, Graph, Tensor


def against_oracle(
    graph: Graph,
    model: bytes,
    inputs: Sequence[tuple[Array, ...]],
    values: Sequence[dict[Tensor, Array]],
) -> Comparison:
    """Compare the numpy reference with tflite-micro on every tensor.

    ``values`` are those of the reference for each of the ``inputs``. Raises ProofError naming the
    first layer whose output differs, ToolchainError where tflite-micro does not run the model.
    """
    compared = 0
    interpreted = oracle.run_all(model, inputs)
    for number, (expected, got) in enumerate(zip(interpreted, values, strict=True)):
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
                compared += tensor.size
    return Comparison("tflite-micro", len(inputs), compared)


def against_source(
    source: Graph,
    rewritten: Graph,
    source_values: Sequence[dict[Tensor, Array]],
    values: Sequence[dict[Tensor, Array]],
) -> None:
    """Compare what the rewritten graph computes with what the model as it was read computes.

    Both values are those of the reference, for the same inputs. Raises ProofError naming the first
    tensor that differs; tensors that a rewrite made anew are covered by those after them.
    """
    surviving = set(source.tensors())
    for number, (expected, got) in enumerate(zip(source_values, values, strict=True)):
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
