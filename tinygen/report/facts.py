"""What a compiled model and its proofs say, as a report."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from tinygen.memory.lifetimes import lifetimes
from tinygen.ops import operator
from tinygen.report.model import (
    Buffer,
    CopiedTo,
    Dependency,
    EarlyExit,
    Exact,
    Layer,
    Memory,
    ModelFacts,
    Proof,
    Report,
    Selection,
)
from tinygen.verify.target import LayerCost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tinygen import compiler
    from tinygen.board_cycles import BoardCycles
    from tinygen.boards import Board
    from tinygen.deps import CmsisNN
    from tinygen.early_exit.decision import Exit
    from tinygen.firmware import FirmwareImage
    from tinygen.ir import Array
    from tinygen.verify import Certificate

REFERENCE = "tinygen's numpy reference"


def library_report(
    compiled: compiler.CompiledModel,
    model: bytes,
    certificate: Certificate,
    cmsis_nn: CmsisNN | None,
) -> Report:
    """The report of a C library: everything but what only firmware and a device can tell."""
    constants = _constants(compiled)
    target = certificate.target
    return Report(
        model=ModelFacts(
            name=compiled.source.name,
            sha256=hashlib.sha256(model).hexdigest(),
            macs=sum(operator(node.op).macs(node) for node in compiled.source.nodes),
        ),
        target=compiled.core.name,
        memory=Memory(
            weights_bytes=sum(weights for weights, _ in constants),
            arena_bytes=compiled.plan.nbytes,
            arena_lower_bound=compiled.plan.lower_bound,
            arena_optimal=compiled.plan.optimal,
            stack_bytes=target.stack_bytes if target else None,
            stack_bound_bytes=target.stack_bound if target else None,
            buffers=_buffers(compiled),
        ),
        selection=Selection(
            objective=compiled.selection.objective,
            max_flash=compiled.selection.limits.flash,
            max_ram=compiled.selection.limits.ram,
            optimal=compiled.selection.optimal,
        ),
        exact=_exact(certificate),
        layers=tuple(_layers(compiled, certificate, [everything for _, everything in constants])),
        dependencies=_dependencies(cmsis_nn) if compiled.uses_cmsis_nn else (),
    )


def with_measured_layers(report: Report, layers: int) -> Report:
    """The report of a library, of which so many layers run a kernel that was measured."""
    return report.updated(selection=report.selection.model_copy(update={"measured_layers": layers}))


def with_exit(report: Report, exit_: Exit, layers: int) -> Report:
    """The report of a library, with the exit that is looked at after so many layers."""
    return report.updated(
        exit=EarlyExit(
            output=exit_.output, threshold=exit_.threshold, stored=exit_.stored, layers=layers
        )
    )


def with_firmware(
    report: Report, board: Board, image: FirmwareImage, timing: BoardCycles | None = None
) -> Report:
    """The report of a library, with what its firmware takes of a board.

    ``timing`` has the cycles of layers with the board's memories; they replace those without.
    """
    memory = {
        "flash_bytes": image.flash_bytes,
        "stack_bound_bytes": image.stack_bound,
        "code_bytes": image.flash_bytes - (report.memory.weights_bytes or 0),
        "ram_bytes": image.ram_bytes,
        "arena_region": image.arena_region,
        "copies": tuple(
            CopiedTo(region=region, bytes=nbytes) for region, nbytes in image.copied_bytes.items()
        ),
    }
    layers = report.layers
    if timing is not None:
        layers = tuple(
            # A layer without code takes nothing, with any memory.
            layer.model_copy(update={"cycles_modelled": timing.layers.get(layer.name, 0)})
            for layer in layers
        )
    return report.updated(
        board=board.name,
        build_id=image.build_id.hex(),
        memory=report.memory.model_copy(update=memory),
        layers=layers,
    )


def _exact(certificate: Certificate) -> Exact:
    comparisons = [certificate.oracle, certificate.host]
    comparisons += [certificate.target.comparison] if certificate.target is not None else []
    # A certificate exists only where there was no difference.
    proofs = tuple(
        Proof(name=comparison.method, inputs=comparison.inputs, mismatches=0)
        for comparison in comparisons
        if comparison is not None
    )
    return Exact.of(
        REFERENCE if certificate.oracle is None else f"{REFERENCE} and tflite-micro", proofs
    )


def _layers(
    compiled: compiler.CompiledModel, certificate: Certificate, flash: list[int]
) -> Iterator[Layer]:
    costs: dict[compiler.Layer, LayerCost] = {}
    if certificate.target is not None:
        # A layer without code takes nothing, and that is exact.
        costs = dict.fromkeys(compiled.layers, LayerCost(0, 0))
        costs |= zip(compiled.executed, certificate.target.costs, strict=True)
    for layer, flash_bytes in zip(compiled.layers, flash, strict=True):
        cost = costs.get(layer)
        yield Layer(
            name=layer.node.name,
            op=layer.node.op,
            kernel=layer.implementation.kernel.name,
            macs=operator(layer.node.op).macs(layer.node),
            instructions=cost.instructions if cost else None,
            cycles_modelled=cost.cycles_modelled if cost else None,
            flash_bytes=flash_bytes,
        )


def _constants(compiled: compiler.CompiledModel) -> list[tuple[int, int]]:
    """Per layer the bytes of weights, and of all constants, that no earlier layer has brought in.

    Equal arrays are stored once, whoever uses them.
    """
    seen: set[tuple[str, bytes]] = set()

    def fresh(data: Array) -> int:
        key = (data.dtype.name, np.ascontiguousarray(data).tobytes())
        if key in seen:
            return 0
        seen.add(key)
        return data.nbytes

    rows = []
    for layer in compiled.layers:
        weights = total = 0
        if layer.function is not None:
            for constant in layer.implementation.constants:
                size = fresh(constant.data)
                total += size
                weights += size if constant.counts_as == "weights" else 0
            for argument in layer.implementation.arguments:
                if argument.kind == "input" and layer.node.input(argument.index).is_constant:
                    size = fresh(layer.node.input(argument.index).constant)
                    total += size
                    weights += size
        rows.append((weights, total))
    return rows


def _buffers(compiled: compiler.CompiledModel) -> tuple[Buffer, ...]:
    implementations = [layer.implementation for layer in compiled.layers]
    return tuple(
        Buffer(
            name=buffer.name,
            offset=compiled.plan.offsets[buffer.name],
            bytes=buffer.nbytes,
            first=buffer.first,
            last=buffer.last,
        )
        for buffer in lifetimes(compiled.graph, implementations).buffers
    )


def _dependencies(cmsis_nn: CmsisNN | None) -> tuple[Dependency, ...]:
    if cmsis_nn is None:
        return ()
    return (Dependency(name="CMSIS-NN", version=cmsis_nn.commit, pinned=cmsis_nn.pinned),)
