"""The tflite-micro interpreter from PyPI: what every value of a model must equal, byte for byte.

It is an optional dependency (extra ``verify``) and is imported when first asked for.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import numpy as np
import tflite

from tinygen import isolated
from tinygen.errors import ToolchainError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.ir import Array

_SMALLEST_ARENA, _LARGEST_ARENA = 1 << 20, 1 << 30


def available() -> bool:
    """Whether tflite-micro is installed."""
    return importlib.util.find_spec("tflite_micro") is not None


class Oracle:
    """One model in the interpreter, ready to be run on any number of inputs."""

    def __init__(self, model: bytes) -> None:
        """Load a .tflite file.

        Raises ToolchainError when tflite-micro is missing, or does not accept the model.
        """
        if not available():
            raise ToolchainError(
                "tflite-micro, which models are compared with, is not installed; "
                "install it with: pip install 'tinygen[verify]'"
            )
        self._interpreter = _load(model)
        self._inputs, self._computed = _activations(model)

    def run(self, inputs: Sequence[Array]) -> dict[int, Array]:
        """Values of the graph inputs and of all computed tensors, by index in the model file.

        ``inputs`` has one array per graph input, in the model's order, shapes and types.
        """
        for index, value in enumerate(inputs):
            self._interpreter.set_input(np.asarray(value, order="C"), index)
        self._interpreter.invoke()
        values = dict(zip(self._inputs, inputs, strict=True))
        for index in self._computed:
            values[index] = self._interpreter.GetTensor(index, 0)["tensor_data"]
        return values


def run(model: bytes, inputs: Sequence[Array]) -> dict[int, Array]:
    """:meth:`Oracle.run` for a model that is run once."""
    return Oracle(model).run(inputs)


def run_all(model: bytes, inputs: Sequence[Sequence[Array]]) -> list[dict[int, Array]]:
    """:meth:`Oracle.run` for each set of inputs, in a process of its own.

    tflite-micro takes down its process on some models that it should refuse; then, too, this raises
    ToolchainError.
    """
    try:
        return isolated.call(_run_all, model, inputs)
    except isolated.Crashed as crash:
        raise ToolchainError(f"tflite-micro crashed on the model ({crash})") from crash


def _run_all(model: bytes, inputs: Sequence[Sequence[Array]]) -> list[dict[int, Array]]:
    interpreter = Oracle(model)
    return [interpreter.run(given) for given in inputs]


def _load(model: bytes) -> Any:
    from tflite_micro import runtime

    # The interpreter does not tell an arena that is too small from a model it cannot run, and one
    # that cannot even hold its bookkeeping, which grows with the file, crashes it.
    arena = max(_SMALLEST_ARENA, 4 * len(model))
    while True:
        try:
            return runtime.Interpreter.from_bytes(
                model,
                arena_size=arena,
                intrepreter_config=runtime.InterpreterConfig.kPreserveAllTensors,
            )
        except RuntimeError as error:
            if arena >= _LARGEST_ARENA:
                raise ToolchainError(
                    f"tflite-micro does not accept the model ({error}); "
                    "its own message stands on standard error"
                ) from error
        arena *= 2


def _activations(model: bytes) -> tuple[list[int], list[int]]:
    """Indices of the graph inputs, and of the outputs of operators."""
    graph = tflite.Model.GetRootAs(model, 0).Subgraphs(0)
    inputs = [int(graph.Inputs(i)) for i in range(graph.InputsLength())]
    computed = []
    for i in range(graph.OperatorsLength()):
        node = graph.Operators(i)
        computed += [int(node.Outputs(j)) for j in range(node.OutputsLength())]
    return inputs, computed
