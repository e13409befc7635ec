"""What a candidate may take on the board."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import pydantic
from pydantic import Field

from tinygen.compress.search.figures import Figures, time_and_energy
from tinygen.errors import ConfigError

if TYPE_CHECKING:
    from tinygen.boards import Board
    from tinygen.compress.cost import Cost

Positive = Annotated[int, Field(gt=0)]
Above = Annotated[float, Field(gt=0)]

# Estimates of the families of the zoo lay between 0.66 and 1.12 times what was measured, so what is
# estimated to be above a budget by this factor does break it.
_ESTIMATE_MARGIN = 1.25
_FIGURES = {"energy_uj": "energy_uj_modelled"}


class Budget(pydantic.BaseModel):
    """``[budget]``: upper limits of the figures named; ``accuracy`` is a lower limit in [0, 1].

    Cycles, latency and energy are modelled ones.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    cycles_modelled: Positive | None = None
    instructions: Positive | None = None
    latency_ms: Above | None = None
    energy_uj: Above | None = None
    ram_bytes: Positive | None = None
    flash_bytes: Positive | None = None
    accuracy: Annotated[float, Field(ge=0, le=1)] | None = None

    def excess(self, figures: Figures, board: Board) -> dict[str, float]:
        """For every limit, by which share of it the figure lies above; 0 and less is within.

        Raises ConfigError where the board gives no such figure.
        """
        found = {}
        for name, limit in self.limits().items():
            value = getattr(figures, _FIGURES.get(name, name))
            if value is None:
                raise ConfigError(
                    f"[budget] {name} cannot be judged, since board {board.name} has no model for "
                    "it; give a budget of instructions"
                )
            found[name] = value / limit - 1
        if self.accuracy is not None:
            found["accuracy"] = self.accuracy - figures.accuracy
        return found

    def limits(self) -> dict[str, float]:
        """The upper limits that are given."""
        return {k: v for k, v in self.model_dump().items() if v is not None and k != "accuracy"}

    def hopeless(
        self, estimated: Cost, pruned_to: tuple[str, float] | None, board: Board
    ) -> dict[str, float]:
        """By which share an estimated cost lies above limits, where it does by too much to hold.

        Of a candidate that will be pruned, only the figure that pruning goes for can be foretold,
        with cycles also what follows from them.
        """
        cycles, share = estimated.cycles_modelled, 1.0
        if pruned_to is not None:
            share = pruned_to[1]
            cycles = cycles * share if cycles and pruned_to[0] == "cycles_modelled" else None
        latency, energy = time_and_energy(cycles, board)
        known: dict[str, float | None] = {
            "cycles_modelled": cycles,
            "latency_ms": latency,
            "energy_uj": energy,
        }
        for name in ("ram_bytes", "flash_bytes"):
            if pruned_to is None or pruned_to[0] == name:
                known[name] = getattr(estimated, name) * share
        limits = self.limits()
        excess = {n: v / limits[n] - 1 for n, v in known.items() if v is not None and n in limits}
        return {name: by for name, by in excess.items() if by > _ESTIMATE_MARGIN - 1}
