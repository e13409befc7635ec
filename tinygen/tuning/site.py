"""One round on a device: build an image, put it there, run it layer by layer."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tinygen import board_cycles, built, compiler, data, dut, firmware, trial
from tinygen.choice.search import UNLIMITED
from tinygen.device import flash
from tinygen.progress import Silent
from tinygen.report.model import Exact, ModelFacts, Report
from tinygen.tuning.rounds import Only

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tinygen.boards import Board
    from tinygen.choice.search import Limits, Objective
    from tinygen.compiler import CompiledModel
    from tinygen.dut import Unit
    from tinygen.models import Model
    from tinygen.selection import KernelChoice, Pricing
    from tinygen.tuning.rounds import Picks


@dataclass(frozen=True)
class Device:
    """Where rounds run: a board at ``port``, flashed through ``probe``, or an emulated one.

    None is for a port or probe that is to be found.
    """

    board: Board
    emulator: bool
    port: str | None = None
    probe: str | None = None


@dataclass(frozen=True)
class Round:
    """What every layer that ran took, by name, on a device of this kind."""

    taken: Mapping[str, int]
    kind: str
    unit: Unit


@dataclass(frozen=True)
class Site:
    """A model that is measured on a device, with kernels from ``kernels``.

    ``objective`` says how the image is compiled; ``repeat`` is the number of inferences.
    """

    model: Model
    device: Device
    kernels: KernelChoice
    objective: Objective
    repeat: int
    cmsis_nn: bool

    def compiled(self, pricing: Pricing, limits: Limits = UNLIMITED) -> CompiledModel:
        """The network with the kernels that are best by some prices.

        Chains of layers are not fused: no image would run their layers one by one.
        """
        return compiler.compile_graph(
            self.model.graph,
            self.device.board.cpu,
            kernels=self.kernels,
            objective=self.objective,
            limits=limits,
            cmsis_nn=self.cmsis_nn,
            pricing=pricing,
        )

    def run(self, picks: Picks) -> Round:
        """Build and run the network with these kernels; its outputs must be the reference's.

        Raises BudgetError when the image does not fit the board, ProofError for a wrong output,
        and what building, flashing and talking to the device raise.
        """
        with tempfile.TemporaryDirectory(prefix="tinygen-tune-") as folder:
            under_test = self._built(self.compiled(Only(picks)), Path(folder))
            if not self.device.emulator:
                tool = flash.choose(self.device.board)
                firmware.upload(Path(folder), protocol=tool, port=self.device.probe)
            return self._taken(under_test)

    def _built(self, compiled: CompiledModel, folder: Path) -> built.Built:
        board = self.device.board
        sha256 = hashlib.sha256(self.model.data)
        timing = None
        if board.memory_system is not None:
            # As builds do: what fast memory holds decides what a kernel takes.
            timing = board_cycles.measure(compiled, board, copy=self.objective == "latency")
        copies = timing.copies if timing else firmware.NONE
        image = firmware.build(compiled, board, folder, sha256.digest(), copies=copies)
        report = Report(
            model=ModelFacts(name=compiled.source.name, sha256=sha256.hexdigest(), macs=0),
            board=board.name,
            build_id=image.build_id.hex(),
            target=compiled.core.name,
            exact=Exact.of("", ()),
        )
        return built.Built(board, self.model, report, image.elf, "tinygen")

    def _taken(self, under_test: built.Built) -> Round:
        graph = self.model.graph
        samples = data.random(graph.inputs, self.repeat)
        device = self.device
        with dut.connect(
            under_test, device.port, emulator=device.emulator, progress=Silent()
        ) as answering:
            trial.run(answering.session, graph, samples, Silent()).enforce()
            runs = [answering.profile(samples.raw(index)) for index in range(self.repeat)]
            taken = {name: round(sum(run[name] for run in runs) / len(runs)) for name in runs[0]}
            return Round(taken, answering.kind, answering.unit)
