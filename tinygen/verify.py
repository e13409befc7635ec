"""Prove a compiled network: the same bytes from every way of computing it.

The numpy reference is compared with tflite-micro on every tensor of the model as it was read; the
generated C, built for the host under sanitizers, with the reference layer by layer; and the
target's object code, run under emulation, with the reference layer by layer. The first
difference ends the build and is named.
"""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tinygen import codegen, oracle, reference, toolchain
from tinygen.errors import ProofError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tinygen.compiler import CompiledModel
    from tinygen.ir import Array, Graph, Tensor

HOST_TIMEOUT_S = 600


@dataclass(frozen=True)
class Comparison:
    """One proof that was run: against what, over how many inputs and values.

    Its existence says that there was no difference; a difference raises ProofError instead.
    """

    method: str
    inputs: int
    values: int


def proof_inputs(graph: Graph, random_inputs: int, seed: int = 0) -> list[tuple[Array, ...]]:
    """Input sets of a proof: all minimum, all maximum, a checkerboard, then random ones.

    Float inputs, the edges of a float model, span the range of the int8 tensor behind them.
    """
    rng = np.random.default_rng(seed)
    sets: list[tuple[Array, ...]] = []
    for pattern in ("low", "high", "checkerboard", *["random"] * random_inputs):
        sets.append(tuple(_pattern(tensor, pattern, rng) for tensor in graph.inputs))
    return sets


def _pattern(tensor: Tensor, pattern: str, rng: np.random.Generator) -> Array:
    if tensor.dtype.kind == "f":
        low, high = -8.0, 8.0
        random = rng.uniform(low, high, tensor.shape)
    else:
        low, high = -128, 127
        random = rng.integers(-128, 128, tensor.shape)
    values = {
        "low": np.full(tensor.shape, low),
        "high": np.full(tensor.shape, high),
        "checkerboard": np.where(np.indices(tensor.shape).sum(axis=0) % 2, low, high),
        "random": random,
    }
    return values[pattern].astype(tensor.dtype)


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
                _compare(
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


def on_host(compiled: CompiledModel, inputs: Sequence[tuple[Array, ...]]) -> Comparison:
    """Build the C for this machine under sanitizers and compare it with the reference.

    Raises ProofError naming the first layer that differs, or what the sanitizers report.
    """
    with tempfile.TemporaryDirectory(prefix="tinygen-proof-") as folder:
        program = build_host_program(compiled, Path(folder))
        payload = b"".join(a.tobytes() for given in inputs for a in given)
        try:
            done = subprocess.run(
                [program],
                input=payload,
                capture_output=True,
                check=False,
                timeout=HOST_TIMEOUT_S,
                env={"ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=0"},
            )
        except subprocess.TimeoutExpired:
            raise ProofError(
                f"the generated C did not finish within {HOST_TIMEOUT_S} s on this machine; "
                "prove it on fewer inputs"
            ) from None
    if done.returncode:
        raise ProofError(
            f"the generated C failed on this machine: {_sanitizer_line(done.stderr)}; "
            "please report it with the model"
        )
    return _compare_stream(compiled, inputs, done.stdout, "the generated C on the host")


def build_host_program(compiled: CompiledModel, folder: Path) -> Path:
    """Compile the C library with its proof harness for this machine, under sanitizers."""
    write_files(compiled.files, folder)
    main = codegen.environment().get_template("proof/host_main.c.j2")
    (folder / "proof_main.c").write_text(
        main.render(
            name=compiled.name,
            prefix=compiled.name.upper(),
            inputs=len(compiled.graph.inputs),
            dumps=[
                {"layer": number, "offset": compiled.offsets[tensor], "bytes": tensor.nbytes}
                for number, layer in enumerate(compiled.executed)
                for tensor in layer.node.outputs
            ],
        )
    )
    program = folder / "proof"
    toolchain.run(
        [
            toolchain.host_compiler(),
            "-std=c11",
            "-O1",
            *toolchain.WARNINGS,
            "-fsanitize=address,undefined",
            "-fno-sanitize-recover=all",
            "-o",
            program,
            *sorted(folder.glob("*.c")),
        ],
        "compiling the generated C for this machine",
        cwd=folder,
    )
    return program


def write_files(files: Mapping[str, str], folder: Path) -> None:
    """Write the C library into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)


def _compare_stream(
    compiled: CompiledModel, inputs: Sequence[tuple[Array, ...]], stream: bytes, what: str
) -> Comparison:
    position, values = 0, 0
    for number, given in enumerate(inputs):
        expected = reference.run(compiled.graph, given)
        for layer in compiled.executed:
            for tensor in layer.node.outputs:
                chunk = stream[position : position + tensor.nbytes]
                position += tensor.nbytes
                if len(chunk) != tensor.nbytes:
                    raise ProofError(
                        f"{what} stopped in layer {layer.node.name!r} of input {number}"
                    )
                got = np.frombuffer(chunk, tensor.dtype).reshape(tensor.shape)
                _compare(
                    what, "the reference", layer.node.name, tensor, number, got, expected[tensor]
                )
                values += tensor.size
    return Comparison(what, len(inputs), values)


def _compare(
    what: str, against: str, layer: str, tensor: Tensor, number: int, got: Array, expected: Array
) -> None:
    same = got.reshape(-1).view(np.uint8) == expected.reshape(-1).view(np.uint8)
    if same.all():
        return
    size = tensor.dtype.itemsize
    wrong = np.flatnonzero(~same.reshape(-1, size).all(axis=1))
    first = int(wrong[0])
    index = tuple(int(i) for i in np.unravel_index(first, tensor.shape or (1,)))
    raise ProofError(
        f"{what} differs from {against} first in layer {layer!r}, tensor {tensor.name!r}, at "
        f"{index} of input {number}: {got.reshape(-1)[first]} instead of "
        f"{expected.reshape(-1)[first]} ({wrong.size} of {tensor.size} values differ); "
        "please report it with the model"
    )


def _sanitizer_line(stderr: bytes) -> str:
    lines = stderr.decode(errors="replace").strip().splitlines()
    telling = [line for line in lines if "runtime error" in line or "ERROR" in line]
    return (telling or lines or ["no message"])[0].strip()
