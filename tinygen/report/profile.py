"""Where the time of an inference goes, layer by layer, as a device measured it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pydantic
from pydantic import Field

from tinygen.report.model import Name  # noqa: TC001 - pydantic reads it

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tinygen.report.model import Report


class _Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class ProfiledLayer(_Part):
    """One layer that ran; the figures are those of one inference.

    ``mean`` (rounded), ``least`` and ``most`` are in the profile's unit and over its inferences.
    ``cycles_modelled`` is from the report of the build: the core's cost table, None where it has
    none.
    """

    name: Name
    op: str
    kernel: str
    macs: int
    mean: int
    least: int
    most: int
    cycles_modelled: int | None


class Profile(_Part):
    """The layers of one model on one device, in execution order.

    ``unit`` is ``cycles`` from the cycle counter of a real core, ``instructions`` from an emulator,
    or ``ticks`` of a counter that counts neither. ``total`` is the sum of the layers' means.
    """

    schema_version: Literal[1] = 1
    model: Name
    board: str
    device: str
    unit: Literal["cycles", "instructions", "ticks"]
    inferences: int = Field(ge=1)
    total: int
    layers: tuple[ProfiledLayer, ...]

    def json_text(self) -> str:
        """The profile as a JSON document, ended by a newline."""
        return self.model_dump_json(indent=2) + "\n"

    def share(self, layer: ProfiledLayer) -> float:
        """The layer's part of the whole, from 0 to 1."""
        return layer.mean / (self.total or 1)


def profile(
    report: Report,
    device: str,
    unit: Literal["cycles", "instructions", "ticks"],
    inferences: Sequence[Mapping[str, int]],
) -> Profile:
    """The profile over some inferences, each of which maps the layers that ran to what they took.

    ``report`` is that of the build, which knows what the layers are. Layers without code do not run
    and are left out.
    """
    layers = []
    for layer in report.layers:
        if layer.name not in inferences[0]:
            continue
        taken = [inference[layer.name] for inference in inferences]
        layers.append(
            ProfiledLayer(
                name=layer.name,
                op=layer.op,
                kernel=layer.kernel,
                macs=layer.macs,
                mean=round(sum(taken) / len(taken)),
                least=min(taken),
                most=max(taken),
                cycles_modelled=layer.cycles_modelled,
            )
        )
    return Profile(
        model=report.model.name,
        board=report.board or report.target,
        device=device,
        unit=unit,
        inferences=len(inferences),
        total=sum(layer.mean for layer in layers),
        layers=tuple(layers),
    )
