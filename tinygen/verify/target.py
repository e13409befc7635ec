"""Is the compiler's output right? Run the target's object code under emulation, layer by layer."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tinygen import cmsis_nn, reference, stack_bound, toolchain
from tinygen.device.emulators.bare import open_bare
from tinygen.errors import ProofError
from tinygen.verify.compare import Comparison, same_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.compiler import CompiledModel
    from tinygen.device.emulators.bare import BareTarget
    from tinygen.device.emulators.bare_qemu import QemuBareTarget
    from tinygen.ir import Array, Tensor

_FILL = b"\x5a"


@dataclass(frozen=True)
class LayerCost:
    """What one layer took in one inference.

    ``instructions`` is exact, ``cycles_modelled`` None where the core has no cost table.
    """

    instructions: int
    cycles_modelled: int | None


@dataclass(frozen=True)
class TargetRun:
    """Outcome of a run: the comparison, costs per executed layer, stack in bytes.

    ``stack_bytes`` is the deepest seen, ``stack_bound`` what no path through the object code goes
    beyond; None where no bound is known.
    """

    comparison: Comparison
    costs: tuple[LayerCost, ...]
    stack_bytes: int
    stack_bound: int | None


def on_target(
    compiled: CompiledModel,
    inputs: Sequence[tuple[Array, ...]],
    expected: Sequence[dict[Tensor, Array]] | None = None,
) -> TargetRun:
    """Compile for the target core, emulate every layer, compare with the reference.

    ``expected`` are the reference's values for each of the ``inputs``, where they are known.
    The costs are those of the first input set. Raises ProofError naming the first layer that
    differs or touches memory outside the arena, ToolchainError without an Arm compiler.
    """
    with tempfile.TemporaryDirectory(prefix="tinygen-proof-") as folder:
        image = link_bare(compiled, Path(folder))
        values = reference.run_all(compiled.graph, inputs) if expected is None else expected
        bound = stack_bound.network_bound(image, compiled.core, compiled.name)
        with open_bare(image, compiled.core) as target:
            run = _run(compiled, target, inputs, values, bound)
        if bound is not None and run.stack_bytes > bound:
            raise ProofError(
                f"{compiled.name} took {run.stack_bytes} bytes of stack on {compiled.core.name}, "
                f"over its bound of {bound}; this is a mistake in tinygen, please report it"
            )
        return run


def link_bare(compiled: CompiledModel, folder: Path, *functions: str) -> Path:
    """An ELF image of nothing but the network and these functions, linked to no board."""
    compiled.write(folder)
    image = folder / "network.elf"
    entry = f"{compiled.name}_invoke_layer"
    toolchain.run(
        [
            toolchain.arm_tool("gcc"),
            *compiled.core.flags,
            *toolchain.target_flags(compiled.selection.objective),
            *toolchain.WARNINGS,
            "-nostartfiles",
            "--specs=nano.specs",
            "-Wl,--gc-sections",
            f"-Wl,--entry={entry}",
            f"-Wl,--undefined={compiled.name}_invoke",
            *(f"-Wl,--undefined={function}" for function in functions),
            "-o",
            image,
            *sorted(folder.glob("*.c")),
            *(cmsis_nn.link_flags(compiled.core) if compiled.uses_cmsis_nn else ()),
        ],
        f"compiling the generated C for {compiled.core.name}",
        cwd=folder,
    )
    return image


def _run(
    compiled: CompiledModel,
    target: BareTarget | QemuBareTarget,
    inputs: Sequence[tuple[Array, ...]],
    values: Sequence[dict[Tensor, Array]],
    bound: int | None,
) -> TargetRun:
    arena_bytes = max(compiled.plan.nbytes, 1)
    arena = target.allocate(arena_bytes)
    invoke_layer = target.symbol(f"{compiled.name}_invoke_layer")
    costs: list[LayerCost] = []
    compared, stack = 0, 0
    for number, (given, expected) in enumerate(zip(inputs, values, strict=True)):
        target.write(arena, _FILL * arena_bytes)
        for tensor, value in zip(compiled.graph.inputs, given, strict=True):
            target.write(arena + compiled.offsets[tensor], value.tobytes())
        for index, layer in enumerate(compiled.executed):
            called = target.call(invoke_layer, arena, index)
            if number == 0:
                costs.append(LayerCost(called.instructions, called.cycles_modelled))
            stack = max(stack, called.stack_bytes)
            for tensor in layer.node.outputs:
                raw = target.read(arena + compiled.offsets[tensor], tensor.nbytes)
                got = np.frombuffer(raw, tensor.dtype).reshape(tensor.shape)
                same_bytes(
                    f"the code for {compiled.core.name}",
                    "the reference",
                    layer.node.name,
                    tensor,
                    number,
                    got,
                    expected[tensor],
                )
                compared += tensor.size
    comparison = Comparison(f"{compiled.core.name} object code", len(inputs), compared)
    return TargetRun(comparison, tuple(costs), stack, bound)
