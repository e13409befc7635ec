"""One point of a space: what something that draws has chosen, as a network and a recipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from tinygen.compress.recipe import ORIGINAL, Recipe
from tinygen.zoo.families import Architecture

if TYPE_CHECKING:
    from tinygen.compress.search.space import Distill, Network, Prune, Quantize, Range, Space

T = TypeVar("T")


@dataclass(frozen=True)
class Candidate:
    """One point of a space: a network of the zoo (None: the model that is given), and a recipe."""

    architecture: Architecture | None
    recipe: Recipe

    @property
    def pruned_to(self) -> tuple[str, float] | None:
        """The figure that pruning makes smaller, and to which share of it."""
        for step in self.recipe.step:
            if step.do == "prune" and step.to is not None:
                return step.of, step.to
        return None


class Draw(Protocol):
    """What chooses: by the name of the choice, one of the values or one within the range."""

    def __call__(self, name: str, among: tuple[T, ...] | Range[T]) -> T:
        """The value that is chosen."""
        ...


def candidate(space: Space, draw: Draw, seed: int) -> Candidate:
    """The point of a space that ``draw`` chooses; its recipe starts from ``seed``.

    What has no effect beside other choices is not drawn.
    """
    shared = {"batch": space.batch, "augment": space.augment}
    architecture, steps = None, list[dict[str, Any]]()
    if space.network is not None:
        architecture = Architecture(
            draw("network.family", space.network.family),
            draw("network.width", space.network.width),
            draw("network.depth", space.network.depth),
            draw("network.kernel", space.network.kernel),
        )
        steps.append({"do": "train", **_trained(space.network, "network", draw), **shared})
    if space.prune is not None:
        share = draw("prune.to", space.prune.to)
        if share < 1:
            steps.append({"do": "prune", **_pruned(space.prune, share, draw), **shared})
    steps.append(_quantized(space.quantize, draw, shared))
    if space.distill is not None:
        _teach(steps, space.distill, draw)
    return Candidate(architecture, Recipe.model_validate({"seed": seed, "step": steps}))


def _trained(table: Network | Prune | Quantize, name: str, draw: Draw) -> dict[str, Any]:
    return {
        "epochs": draw(f"{name}.epochs", table.epochs),
        "learning_rate": draw(f"{name}.learning_rate", table.learning_rate),
    }


def _pruned(table: Prune, share: float, draw: Draw) -> dict[str, Any]:
    return {
        "to": share,
        "of": table.of,
        "criterion": draw("prune.criterion", table.criterion),
        "iterations": draw("prune.iterations", table.iterations),
        **_trained(table, "prune", draw),
    }


def _quantized(table: Quantize, draw: Draw, shared: dict[str, Any]) -> dict[str, Any]:
    method = draw("quantize.do", table.do)
    step = {"do": method, "weight_bits": draw("quantize.weight_bits", table.weight_bits)}
    if method == "qat":
        ranges = draw("quantize.ranges", table.ranges)
        return {**step, "ranges": ranges, **_trained(table, "quantize", draw), **shared}
    for key in ("calibrator", "equalize", "correct_bias"):
        step[key] = draw(f"quantize.{key}", getattr(table, key))
    return step


def _teach(steps: list[dict[str, Any]], table: Distill, draw: Draw) -> None:
    """Let the teacher into every step that trains, but for the one that makes the teacher."""
    students = [
        step
        for step in steps
        if step.get("epochs") and not (step["do"] == "train" and table.teacher == ORIGINAL)
    ]
    weight = draw("distill.weight", table.weight) if students else 0
    if not weight:
        return
    temperature = draw("distill.temperature", table.temperature)
    for step in students:
        step["distill"] = {
            "teacher": table.teacher,
            "weight": weight,
            "temperature": temperature,
        }
