"""Budgets for models, and what says how much of one a model takes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from tinygen import boards
from tinygen.boards import Board
from tinygen.compress import cost as costs
from tinygen.cores import Core
from tinygen.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tinygen.compress.cost import Cost
    from tinygen.compress.pruning.bundles import Bundles
    from tinygen.ir import Array

Figure = Literal["cycles_modelled", "instructions", "macs", "ram_bytes", "flash_bytes"]
FIGURES: tuple[Figure, ...] = get_args(Figure)


@dataclass(frozen=True)
class Budget:
    """What a model may take: at most ``limit``, or at most ``fraction`` of what it takes now.

    ``figure`` is a field of :class:`~tinygen.compress.cost.Cost`. Raises ConfigError unless exactly
    one of the two is given, and positive.
    """

    figure: Figure
    limit: float | None = None
    fraction: float | None = None

    def __post_init__(self) -> None:
        if self.figure not in FIGURES:
            raise ConfigError(
                f"budget figure {self.figure!r} is not known; use one of {', '.join(FIGURES)}"
            )
        given = [value for value in (self.limit, self.fraction) if value is not None]
        if len(given) != 1 or not given[0] > 0:
            raise ConfigError(
                f"the budget for {self.figure} has limit {self.limit} and fraction "
                f"{self.fraction}; give one of them, greater than 0"
            )

    def of(self, now: float) -> float:
        """The limit for a model that takes ``now``."""
        return self.limit if self.limit is not None else now * (self.fraction or 0)


class Gauge(Protocol):
    """Says how much of a figure a keras.Model takes."""

    @property
    def figure(self) -> Figure:
        """Which figure."""
        ...

    @property
    def multiple(self) -> int:
        """Numbers of channels that are a multiple of it waste no work."""
        ...

    def quick(self, model: Any) -> float:
        """About how much; what counts is that it grows and shrinks as the exact figure does."""
        ...

    def exact(self, model: Any) -> tuple[Cost, float]:
        """Everything that is known of the cost, and the figure."""
        ...

    def rough(self, model: Any, bundles: Bundles) -> Callable[[Array], float]:
        """The figure as a function of the channels left, without building a model."""
        ...


def gauge(cost: Callable[[Any], float] | Board | Core | str, figure: Figure) -> Gauge:
    """The gauge of a board (or its name), of a bare core, or of a function of a keras.Model.

    Raises BoardError for an unknown board.
    """
    if isinstance(cost, str):
        cost = boards.load_board(cost)
    if isinstance(cost, Board | Core):
        return CompiledGauge(cost, figure)
    return FunctionGauge(cost, figure)


@dataclass(frozen=True)
class CompiledGauge:
    """A figure of the code that the compiler generates for a board or a bare core."""

    target: Board | Core
    figure: Figure

    @property
    def core(self) -> Core:
        """What the code is generated for."""
        return self.target.cpu if isinstance(self.target, Board) else self.target

    @property
    def multiple(self) -> int:
        """Kernels for Helium work on eight or more channels at once, all others on up to four."""
        return 8 if self.core.mve else 4

    def quick(self, model: Any) -> float:
        """By the estimates of the kernels; those of cycles stand for instructions as well."""
        estimated = costs.estimate(model, self.core).cost
        cycles = estimated.cycles_modelled or 0.0
        return cycles if self.figure == "instructions" else float(getattr(estimated, self.figure))

    def exact(self, model: Any) -> tuple[Cost, float]:
        """By compiling it and counting. Raises ConfigError where the core has no such figure."""
        measured = costs.measure(model, self.target)
        value = getattr(measured, self.figure)
        if value is None:
            raise ConfigError(
                f"there is no cycle model of {self.core.name}; give a budget of instructions"
            )
        return measured, float(value)

    def rough(self, model: Any, bundles: Bundles) -> Callable[[Array], float]:
        """Multiplications by what they cost in a layer, numbers in weights, or bytes alive."""
        if self.figure == "ram_bytes":
            return bundles.memory
        if self.figure == "flash_bytes":
            return bundles.parameters
        if self.figure == "macs":
            return bundles.macs
        cycles = costs.estimate(model, self.core).layers
        return partial(bundles.macs, rates=_rates(bundles.layer_macs(), cycles))


@dataclass(frozen=True)
class FunctionGauge:
    """A figure that a function of a keras.Model gives."""

    function: Callable[[Any], float]
    figure: Figure
    multiple: int = 4

    def quick(self, model: Any) -> float:
        """What the function says."""
        return float(self.function(model))

    def exact(self, model: Any) -> tuple[Cost, float]:
        """What the function says; of the cost only what needs no compiler."""
        return costs.counted(model), self.quick(model)

    def rough(self, model: Any, bundles: Bundles) -> Callable[[Array], float]:
        """By what usually goes with the figure."""
        known = {"ram_bytes": bundles.memory, "flash_bytes": bundles.parameters}
        return known.get(self.figure, bundles.macs)


def _rates(macs: Mapping[str, int], cycles: Mapping[str, float]) -> dict[str, float]:
    """Cycles per multiplication of each layer; the mean where a layer's cycles are not known.

    The depthwise part of a separable convolution is a layer of its own in the graph.
    """
    known = {name: cycles.get(name, 0.0) + cycles.get(f"{name}_depthwise", 0.0) for name in macs}
    mean = sum(known.values()) / max(sum(count for name, count in macs.items() if known[name]), 1)
    return {name: known[name] / max(count, 1) or mean or 1.0 for name, count in macs.items()}
