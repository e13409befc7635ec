"""Spaces: what a search may choose, as a small TOML file.

    [prune]
    to = [1.0, 0.7, 0.5]
    epochs = 4

    [quantize]
    do = ["ptq", "qat"]
    epochs = 3

    [budget]
    ram_bytes = 16384

A value is fixed, a list is a choice, and ``{ from = 0.3, to = 1.0 }`` is a range. docs/search.md
lists the tables and their keys.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, Protocol, TypeVar

import pydantic
from pydantic import BeforeValidator, Discriminator, Field, Tag

from tinygen.compress.recipe import ORIGINAL, Augmentation, Count, Positive, Rate, Recipe, Share
from tinygen.compress.search.budget import Budget
from tinygen.errors import ConfigError
from tinygen.zoo.families import Architecture

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")
Above = Annotated[float, Field(gt=0)]
Part = Annotated[float, Field(ge=0, le=1)]


class _Settings(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Range(_Settings, Generic[T]):
    """All numbers from one to another; ``log`` draws their logarithms evenly."""

    low: T = Field(alias="from")
    high: T = Field(alias="to")
    log: bool = False

    @pydantic.model_validator(mode="after")
    def _ordered(self) -> Range[T]:
        low: Any = self.low
        if not low < self.high:
            raise ValueError(f"from {self.low} is not below to {self.high}")
        return self


def _listed(value: Any) -> Any:
    return value if isinstance(value, list | tuple | dict | Range) else [value]


def _kind(value: Any) -> str:
    return "range" if isinstance(value, dict | Range) else "choice"


Choice = Annotated[
    Annotated[tuple[T, ...], Field(min_length=1), Tag("choice")]
    | Annotated[Range[T], Tag("range")],
    Discriminator(_kind),
    BeforeValidator(_listed),
]
"""Numbers to choose from."""
Named = Annotated[tuple[T, ...], Field(min_length=1), BeforeValidator(_listed)]
"""Words or sizes to choose from, which have no range."""


class Network(_Settings):
    """``[network]``: which networks of the zoo, and how they are trained from the start."""

    family: Named[str]
    width: Choice[Above] = (1.0,)
    depth: Choice[Positive] = (1,)
    kernel: Named[Positive] = (3,)
    epochs: Choice[Positive]
    learning_rate: Choice[Rate] = (3e-3,)


class Prune(_Settings):
    """``[prune]``: to how much of a figure on the board; 1 is a candidate that is not pruned."""

    to: Choice[Share]
    of: Literal["cycles_modelled", "instructions", "macs", "ram_bytes", "flash_bytes"] = (
        "cycles_modelled"
    )
    criterion: Named[Literal["l1", "l2", "bn", "taylor", "random"]] = ("l2",)
    iterations: Choice[Positive] = (1,)
    epochs: Choice[Count] = (0,)
    learning_rate: Choice[Rate] = (2e-3,)


class Distill(_Settings):
    """``[distill]``: how much of the loss is the teacher's; 0 is a candidate without one."""

    weight: Choice[Part]
    temperature: Choice[Above] = (4.0,)
    teacher: str = ORIGINAL


class Quantize(_Settings):
    """``[quantize]``: how, and to how many bits; the second half is for ``qat``."""

    do: Named[Literal["ptq", "qat"]] = ("ptq",)
    weight_bits: Named[Literal[4, 8]] = (8,)
    calibrator: Named[Literal["minmax", "percentile", "mse"]] = ("minmax",)
    equalize: Named[bool] = (False,)
    correct_bias: Named[bool] = (False,)
    epochs: Choice[Positive] = (3,)
    learning_rate: Choice[Rate] = (5e-4,)
    ranges: Named[Literal["learned", "moving"]] = ("learned",)


class Space(_Settings):
    """A whole space; everything random in a search follows from ``seed``.

    ``batch`` and ``augment`` hold for every training.
    """

    seed: Count = 0
    batch: Positive = 128
    augment: tuple[Augmentation, ...] = ()
    network: Network | None = None
    prune: Prune | None = None
    distill: Distill | None = None
    quantize: Quantize = Quantize()
    budget: Budget = Budget()


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


def load(path: Path, model: Path | None) -> Space:
    """Read a space, for a model or for networks of the zoo.

    Raises ConfigError that names the table, the key, and what is wrong.
    """
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"space {path} cannot be read ({error.strerror}); name a TOML file"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}; correct it there") from None
    try:
        space = Space.model_validate(tree)
    except pydantic.ValidationError as error:
        raise ConfigError(_sentence(error, path)) from None
    if (space.network is None) == (model is None):
        instead = "leave the model out, or" if model is not None else "name a model, or"
        change = "remove [network]" if model is not None else "add [network]"
        raise ConfigError(
            f"{path} {'has' if model is not None else 'lacks'} [network], and the command names "
            f"{model or 'no model'}; {instead} {change}"
        )
    if space.distill is None or space.distill.teacher == ORIGINAL:
        return space
    beside = str(path.parent / space.distill.teacher)
    distill = space.distill.model_copy(update={"teacher": beside})
    return space.model_copy(update={"distill": distill})


def _sentence(error: pydantic.ValidationError, path: Path) -> str:
    """The first validation error: which table, which key, what it may be."""
    first = error.errors(include_url=False)[0]
    # Between them, pydantic names the kind of value and counts within a list.
    keys = [
        str(key)
        for key in first["loc"]
        if not isinstance(key, int) and key not in ("choice", "range")
    ]
    where = f"{path}: [{keys[0]}]" if len(keys) > 1 else f"{path}:"
    where = " ".join([where, *(keys[1:] if len(keys) > 1 else keys)])
    if first["type"] == "extra_forbidden":
        return f"{where} is not a known setting; docs/search.md lists what is"
    if first["type"] == "missing":
        return f"{where} is missing; add it"
    message = first["msg"][0].lower() + first["msg"][1:]
    return f"{where} is {first['input']!r}, but {message}; correct it"
