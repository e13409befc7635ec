"""What ``dut`` is in a test: firmware on a device, and everything that can be asked of it."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from tinygen import data, reference, trial
from tinygen.config import Budget, Power
from tinygen.data import Samples
from tinygen.device.power import measuring
from tinygen.early_exit import measure
from tinygen.errors import DataError, DeviceError
from tinygen.progress import Silent
from tinygen.report import budget
from tinygen.report.profile import profile
from tinygen.report.run import energy_fields, with_run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tinygen.boards import Board
    from tinygen.built import Built
    from tinygen.device.power.measuring import Energy
    from tinygen.device.power.meter import Meter
    from tinygen.device.protocol import Fault, Hello, Memory
    from tinygen.device.session import Session
    from tinygen.device.transport import Transport
    from tinygen.dut import Bench, Device
    from tinygen.ir import Array, Graph
    from tinygen.report.model import Report
    from tinygen.report.profile import Profile
    from tinygen.report.run import Figures
    from tinygen.trial import Outcome

    Inputs: TypeAlias = Array | Sequence[Array]
    Data: TypeAlias = Samples | Path | str

RANDOM_SAMPLES = 20


class DeviceUnderTest:
    """Built firmware on a board, or on an emulated one; a context manager that lets go of it.

    Inputs are one array, or one per input of the model, each in that input's shape (axes of length
    one may be left out) and its own integer type, or real values, which are quantized. Outputs are
    always one array per output, in the model's own types and shapes.

    What is measured is also handed to ``record``, name by name. Every method raises DeviceError
    when the device fails.
    """

    def __init__(
        self,
        bench: Bench,
        record: Callable[[str, object], None],
        limits: Budget | None = None,
        fixtures: tuple[str, ...] = (),
        power: Power | None = None,
        meter: Meter | None = None,
    ) -> None:
        self.fixtures = fixtures
        self.meter = meter
        self._power = power or Power()
        self._bench = bench
        self._record = record
        self._limits = limits or Budget()
        self._open = ExitStack()
        self._device = self._open.enter_context(bench.connect())

    def __enter__(self) -> DeviceUnderTest:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    @property
    def built(self) -> Built:
        """The firmware: its model, the report of its build, its ELF file."""
        return self._bench.under_test

    @property
    def board(self) -> Board:
        """The board."""
        return self.built.board

    @property
    def graph(self) -> Graph:
        """The model as it was read."""
        return self.built.model.graph

    @property
    def kind(self) -> str:
        """What answers: ``board``, ``unicorn`` or ``qemu``."""
        return self._device.kind

    @property
    def session(self) -> Session:
        """The conversation with the device, for what this class has no method for."""
        return self._device.session

    @property
    def device(self) -> Device:
        """The device, which knows what its ticks are."""
        return self._device

    def infer(self, inputs: Inputs) -> tuple[Array, ...]:
        """The outputs of one inference on the device."""
        raw = self.session.infer(self._raw(inputs)).outputs
        return tuple(
            np.frombuffer(output, tensor.dtype).reshape(tensor.shape)
            for output, tensor in zip(raw, self.graph.outputs, strict=True)
        )

    def expected(self, inputs: Inputs) -> tuple[Array, ...]:
        """The outputs that the reference computes, which the device must equal bit for bit."""
        (arrays,) = self._samples(inputs)
        values = reference.run(self.graph, arrays)
        outputs = [values[tensor] for tensor in self.graph.outputs]
        exit_ = self.built.exit
        return tuple(outputs if exit_ is None else exit_.answers(outputs))

    def verify(self, samples: Data | None = None, limit: int | None = None) -> Outcome:
        """Run samples (20 random ones by default) and compare every output, byte for byte.

        Raises ProofError, which names the first layer that differs, when any output does.
        """
        outcome = self._run(self._taken(samples, limit))
        outcome.enforce()
        return outcome

    def accuracy(self, samples: Data, limit: int | None = None) -> float:
        """The part of labelled samples whose class comes out right, from 0 to 1.

        Every output is compared with the reference, as in :meth:`verify`. Raises DataError for
        samples without labels.
        """
        outcome = self.verify(samples, limit)
        if outcome.correct is None:
            raise DataError("these samples have no labels; save one class per sample as y")
        accuracy = outcome.correct / outcome.samples
        self._record("accuracy", accuracy)
        return accuracy

    def figures(self, inputs: Inputs | None = None) -> Figures:
        """What one inference takes, on random inputs by default.

        A board with a cycle counter gives cycles; an emulator gives instructions and, where its
        core has a cost table, cycles that are modelled.
        """
        figures = self._device.figures(self._raw(inputs))
        for name in ("instructions", "cycles", "cycles_modelled", "stack_bytes"):
            self._record_known(name, getattr(figures, name))
        return figures

    def energy(self, inputs: Inputs | None = None) -> Energy:
        """What one inference takes in joules, on random inputs by default.

        Measured where there is a meter, modelled elsewhere. Raises DeviceError where that cannot be
        done, ConfigError for a board without power figures.
        """
        if self.meter is not None:
            raw = self._raw(inputs)
            energy = measuring.measure(self.session, self.meter, raw, self._power, Silent())
        else:
            figures = self.figures(inputs)
            cycles = figures.cycles if figures.cycles is not None else figures.cycles_modelled
            if cycles is None:
                raise DeviceError(
                    f"the energy of {self.board.name} cannot be modelled, as neither cycles nor "
                    "modelled cycles are known; measure it with --meter"
                )
            energy = measuring.modelled(self.board, cycles / self.board.clock.hz)
        for name, value in energy_fields(energy).items():
            self._record_known(name, value)
        return energy

    def profile(self, inputs: Inputs | None = None, repeat: int = 1) -> Profile:
        """What every layer takes, over ``repeat`` inferences on the same inputs."""
        raw = self._raw(inputs)
        runs = [self._device.profile(raw) for _ in range(repeat)]
        profiled = profile(self.built.report, self.kind, self._device.unit, runs)
        for layer in profiled.layers:
            self._record(f"{profiled.unit} of {layer.name}", layer.mean)
        return profiled

    def memory(self) -> Memory:
        """Bytes of stack and arena, and how much of them was ever touched."""
        memory = self.session.memory()
        self._record("stack_high_water", memory.stack_high_water)
        self._record("arena_high_water", memory.arena_high_water)
        return memory

    def fault(self, *, clear: bool = False) -> Fault | None:
        """The record of the last hard fault, None without one."""
        return self.session.fault(clear=clear)

    def reset(self) -> Hello:
        """Reset the device and greet it again."""
        return self.session.reset()

    def report(self, samples: Data | None = None, limit: int | None = None) -> Report:
        """The report of the build with what samples (20 random ones by default) took here.

        It holds latency and energy as well, and a verdict for every ``[budget]`` of tinygen.toml.
        """
        taken = self._taken(samples, limit)
        early = None
        if self.built.exit is None:
            figures = self.figures()
            outcome = self._run(taken)
        else:
            outcome = self._run(taken)
            figures, early = measure.figures(self._device, taken, outcome.exits or frozenset())
        energy = None if self.meter is None else self.energy()
        report = with_run(self.built.report, self.board, outcome, figures, energy, early)
        for name in ("accuracy", "latency_ms", "energy_uj", "energy_method"):
            self._record_known(name, getattr(report.run, name))
        return budget.judged(report, self._limits)

    def reconnect(self, through: Callable[[Transport], Transport] | None = None) -> None:
        """Close the line and open it again; ``through`` may put something between, such as noise.

        The next test has a line of its own again.
        """
        self._open.close()
        connection = self._bench.connect() if through is None else self._bench.connect(through)
        self._device = self._open.enter_context(connection)

    def _taken(self, samples: Data | None, limit: int | None) -> Samples:
        if samples is None:
            return data.random(self.graph.inputs, limit or RANDOM_SAMPLES)
        if not isinstance(samples, Samples):
            return data.load(Path(samples), self.graph.inputs, limit)
        return samples

    def _run(self, samples: Samples) -> Outcome:
        outcome = trial.run(self.session, self.graph, samples, Silent(), exit_=self.built.exit)
        self._record("samples", outcome.samples)
        self._record("mismatches", outcome.mismatches)
        return outcome

    def _raw(self, inputs: Inputs | None) -> list[bytes]:
        return self._samples(inputs).raw(0)

    def _samples(self, inputs: Inputs | None) -> Samples:
        """One sample of these inputs; a random one without."""
        tensors = self.graph.inputs
        if inputs is None:
            return data.random(tensors, 1)
        arrays = [inputs] if isinstance(inputs, np.ndarray) else list(inputs)
        if len(arrays) != len(tensors):
            raise DataError(
                f"the model has {len(tensors)} inputs, not {len(arrays)}; hand over one array each"
            )
        return Samples(
            tuple(
                data.fitted(np.asarray(array)[np.newaxis], tensor, f"input {index}")
                for index, (array, tensor) in enumerate(zip(arrays, tensors, strict=True))
            )
        )

    def _record_known(self, name: str, value: object) -> None:
        if value is not None:
            self._record(name, value)
