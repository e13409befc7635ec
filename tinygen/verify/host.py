"""Is the generated C right? Build it for this machine under sanitizers and run every layer."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tinygen import cmsis_nn, codegen, reference, toolchain
from tinygen.errors import ProofError
from tinygen.verify.compare import Comparison, same_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.compiler import CompiledModel
    from tinygen.ir import Array, Tensor

_TIMEOUT_S = 600


def on_host(
    compiled: CompiledModel,
    inputs: Sequence[tuple[Array, ...]],
    expected: Sequence[dict[Tensor, Array]] | None = None,
) -> Comparison:
    """Build the C for this machine under sanitizers and compare it with the reference.

    ``expected`` are the reference's values for each of the ``inputs``, where they are known.
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
                timeout=_TIMEOUT_S,
                env={"ASAN_OPTIONS": "detect_leaks=0"},
            )
        except subprocess.TimeoutExpired:
            raise ProofError(
                f"the generated C did not finish within {_TIMEOUT_S} s on this machine; "
                "prove it on fewer inputs"
            ) from None
    if done.returncode:
        raise ProofError(
            f"the generated C failed on this machine: {_sanitizer_line(done.stderr)}; "
            "please report it with the model"
        )
    values = reference.run_all(compiled.graph, inputs) if expected is None else expected
    return _compare_stream(compiled, values, done.stdout, "the generated C on the host")


def build_host_program(compiled: CompiledModel, folder: Path) -> Path:
    """Compile the C library with its proof harness for this machine, under sanitizers."""
    compiled.write(folder)
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
            # Compiling takes far longer than running: sanitized code of unrolled kernels is large.
            "-O0",
            *toolchain.WARNINGS,
            "-fsanitize=address,undefined",
            "-fno-sanitize-recover=all",
            "-o",
            program,
            *sorted(folder.glob("*.c")),
            *(cmsis_nn.link_flags(None) if compiled.uses_cmsis_nn else ()),
        ],
        "compiling the generated C for this machine",
        cwd=folder,
    )
    return program


def _compare_stream(
    compiled: CompiledModel, values: Sequence[dict[Tensor, Array]], stream: bytes, what: str
) -> Comparison:
    position, compared = 0, 0
    for number, expected in enumerate(values):
        for layer in compiled.executed:
            for tensor in layer.node.outputs:
                chunk = stream[position : position + tensor.nbytes]
                position += tensor.nbytes
                if len(chunk) != tensor.nbytes:
                    raise ProofError(
                        f"{what} stopped in layer {layer.node.name!r} of input {number}"
                    )
                got = np.frombuffer(chunk, tensor.dtype).reshape(tensor.shape)
                same_bytes(
                    what, "the reference", layer.node.name, tensor, number, got, expected[tensor]
                )
                compared += tensor.size
    return Comparison(what, len(values), compared)


def _sanitizer_line(stderr: bytes) -> str:
    lines = stderr.decode(errors="replace").strip().splitlines()
    telling = [line for line in lines if "runtime error" in line or "ERROR" in line]
    return (telling or lines or ["no message"])[0].strip()
