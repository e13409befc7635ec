"""Is the exit taken when it should be, and only then? Run whole inferences.

That every layer is right has been shown elsewhere. Here the exit is at its threshold, and on the
host it is also taken always and hardly ever, so that both ways are gone.
"""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tinygen import cmsis_nn, codegen, reference, toolchain
from tinygen.device.emulators.bare import open_bare
from tinygen.errors import ProofError
from tinygen.ops.sampling import stimuli
from tinygen.verify import RANDOM_INPUTS, SEED
from tinygen.verify.compare import Comparison
from tinygen.verify.target import link_bare

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tinygen.compiler import CompiledModel
    from tinygen.early_exit.decision import Exit
    from tinygen.ir import Array

    Inputs = Sequence[tuple[Array, ...]]

_TIMEOUT_S = 600
_ALWAYS, _HARDLY_EVER = -128, 127


def prove(
    compiled: CompiledModel, exit_: Exit, *, target: bool, inputs: Inputs | None = None
) -> tuple[Comparison, ...]:
    """Compare whole inferences with the reference, on the host and on request on the target.

    ``inputs`` are those of the other proofs unless they are given. Raises ProofError at the first
    difference, ToolchainError when a compiler is missing.
    """
    if inputs is None:
        inputs = [tuple(given) for given in stimuli(compiled.source.inputs, SEED, RANDOM_INPUTS)]
    outputs = [
        [values[tensor] for tensor in compiled.source.outputs]
        for values in reference.run_all(compiled.source, inputs)
    ]
    with tempfile.TemporaryDirectory(prefix="tinygen-proof-") as folder:
        proofs = [_on_host(compiled, exit_, inputs, outputs, Path(folder))]
    if target:
        proofs.append(_on_target(compiled, exit_, inputs, outputs))
    return tuple(proofs)


def _on_host(
    compiled: CompiledModel,
    exit_: Exit,
    inputs: Inputs,
    outputs: Sequence[list[Array]],
    folder: Path,
) -> Comparison:
    what = "the early exit on the host"
    payload = b"".join(array.tobytes() for given in inputs for array in given)
    for program, threshold in _programs(compiled, exit_, folder):
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
                f"{what} did not finish within {_TIMEOUT_S} s; please report it with the model"
            ) from None
        size = 1 + sum(tensor.nbytes for tensor in compiled.graph.outputs)
        if done.returncode or len(done.stdout) != size * len(inputs):
            lines = done.stderr.decode(errors="replace").strip().splitlines()
            raise ProofError(
                f"{what} failed: {(lines or ['no message'])[0]}; please report it with the model"
            )
        moved = replace(exit_, stored=threshold)
        for number, full in enumerate(outputs):
            answer = done.stdout[number * size : (number + 1) * size]
            _same(what, moved, number, full, taken=answer[0] != 0, raw=answer[1:])
    return Comparison(what, len(inputs), sum(array.size for full in outputs for array in full))


def _programs(compiled: CompiledModel, exit_: Exit, folder: Path) -> Iterator[tuple[Path, int]]:
    """The proof harness, with one threshold after another; the network is compiled once."""
    name = compiled.name
    compiled.write(folder)
    main = codegen.environment().get_template("proof/exit_main.c.j2")
    (folder / "exit_main.c").write_text(
        main.render(name=name, prefix=name.upper(), inputs=len(compiled.graph.inputs))
    )
    compiler = [
        toolchain.host_compiler(),
        "-std=c11",
        "-O0",
        *toolchain.WARNINGS,
        "-fsanitize=address,undefined",
        "-fno-sanitize-recover=all",
    ]
    what = "compiling the early exit for this machine"
    own = folder / f"{name}_exit.c"
    rest = [path.name for path in sorted(folder.glob("*.c")) if path != own]
    toolchain.run([*compiler, "-c", *rest], what, cwd=folder)
    objects = [Path(path).with_suffix(".o").name for path in rest]
    library = cmsis_nn.link_flags(None) if compiled.uses_cmsis_nn else ()
    for threshold in (exit_.stored, _ALWAYS, _HARDLY_EVER):
        define = f"-D{name.upper()}_EXIT_THRESHOLD={threshold}"
        toolchain.run(
            [*compiler, define, "-o", "exit", own.name, *objects, *library], what, cwd=folder
        )
        yield folder / "exit", threshold


def _on_target(
    compiled: CompiledModel, exit_: Exit, inputs: Inputs, outputs: Sequence[list[Array]]
) -> Comparison:
    what = f"the early exit for {compiled.core.name}"
    symbol = f"{compiled.name}_invoke_early"
    with tempfile.TemporaryDirectory(prefix="tinygen-proof-") as folder:
        image = link_bare(compiled, Path(folder), symbol)
        with open_bare(image, compiled.core) as target:
            arena = target.allocate(max(compiled.plan.nbytes, 1))
            for number, (given, full) in enumerate(zip(inputs, outputs, strict=True)):
                for tensor, value in zip(compiled.graph.inputs, given, strict=True):
                    target.write(arena + compiled.offsets[tensor], value.tobytes())
                taken = target.call(target.symbol(symbol), arena).value & 0xFF != 0
                raw = b"".join(
                    target.read(arena + compiled.offsets[tensor], tensor.nbytes)
                    for tensor in compiled.graph.outputs
                )
                _same(what, exit_, number, full, taken=taken, raw=raw)
    return Comparison(what, len(inputs), sum(array.size for full in outputs for array in full))


def _same(
    what: str, exit_: Exit, number: int, full: list[Array], *, taken: bool, raw: bytes
) -> None:
    if taken != exit_.taken(full):
        raise ProofError(
            f"{what} is {'' if taken else 'not '}taken on input {number}, though the best value "
            f"{int(np.max(full[exit_.output]))} at the exit is held against {exit_.stored}; "
            "please report it with the model"
        )
    if raw != b"".join(array.tobytes() for array in exit_.answers(full)):
        raise ProofError(
            f"{what}, {'' if taken else 'not '}taken, leaves other outputs than the reference on "
            f"input {number}; please report it with the model"
        )
