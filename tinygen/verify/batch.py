"""Many inferences at once: the generated C, optimised for this machine.

What the proofs have shown of the C holds for its bytes here, so an accuracy from here is the
device's; thousands of samples take seconds where the numpy reference takes an hour.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tinygen import codegen, cores, toolchain
from tinygen.compiler import compile_graph
from tinygen.errors import DataError, ProofError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.compiler import CompiledModel
    from tinygen.ir import Array, Graph

# Plain C without intrinsics, which the host's compiler turns into its own SIMD instructions.
_CORE = "cortex-m0plus"
_TIMEOUT_S = 3600


def run_batch(graph: Graph, inputs: Sequence[Array]) -> tuple[Array, ...]:
    """All outputs of a checked graph, one array of shape (samples, *shape[1:]) per graph output.

    ``inputs`` has one such array per graph input, in the input's dtype. Raises DataError where they
    do not fit, ToolchainError without a C compiler for this machine, ProofError when the C fails.
    """
    count = len(inputs[0]) if inputs else 0
    for tensor, array in zip(graph.inputs, inputs, strict=True):
        if array.dtype != tensor.dtype or array.shape != (count, *tensor.shape[1:]):
            raise DataError(
                f"input {tensor.name!r} is given as {array.dtype} {array.shape}, but takes "
                f"{tensor.dtype} {(count, *tensor.shape[1:])}"
            )
    rows = [np.ascontiguousarray(a).reshape(count, -1).view(np.uint8) for a in inputs]
    payload = np.concatenate(rows, axis=1).tobytes()
    compiled = compile_graph(graph, cores.core(_CORE), kernels="tinygen")
    with tempfile.TemporaryDirectory(prefix="tinygen-batch-") as folder:
        program = _program(compiled, Path(folder))
        try:
            done = subprocess.run(
                [program], input=payload, capture_output=True, check=False, timeout=_TIMEOUT_S
            )
        except subprocess.TimeoutExpired:
            raise ProofError(
                f"the generated C did not finish {count} samples within {_TIMEOUT_S} s; "
                "measure fewer"
            ) from None
    sizes = [tensor.nbytes for tensor in compiled.graph.outputs]
    if done.returncode or len(done.stdout) != count * sum(sizes):
        raise ProofError(
            f"the generated C stopped with exit code {done.returncode} before {count} samples "
            "were done; please report it with the model"
        )
    table = np.frombuffer(done.stdout, np.uint8).reshape(count, sum(sizes))
    parts = np.split(table, np.cumsum(sizes)[:-1], axis=1)
    return tuple(
        np.ascontiguousarray(part).view(tensor.dtype).reshape(count, *tensor.shape[1:])
        for part, tensor in zip(parts, compiled.graph.outputs, strict=True)
    )


def _program(compiled: CompiledModel, folder: Path) -> Path:
    compiled.write(folder)
    main = codegen.environment().get_template("proof/batch_main.c.j2")
    (folder / "batch_main.c").write_text(
        main.render(
            name=compiled.name,
            prefix=compiled.name.upper(),
            inputs=len(compiled.graph.inputs),
            outputs=len(compiled.graph.outputs),
        )
    )
    program = folder / "batch"
    toolchain.run(
        [
            toolchain.host_compiler(),
            "-std=c11",
            "-O3",
            "-o",
            program,
            *sorted(folder.glob("*.c")),
        ],
        "compiling the generated C for this machine",
        cwd=folder,
    )
    return program
