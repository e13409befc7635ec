"""Recipes: what is done to a model, step by step, as a small TOML file.

    seed = 1

    [[step]]
    do = "prune"
    to = 0.5

    [[step]]
    do = "qat"
    epochs = 3

docs/compression.md lists the steps and their parameters.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Annotated, Literal

import pydantic
from pydantic import Field

from tinygen.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

Positive = Annotated[int, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
Rate = Annotated[float, Field(gt=0, lt=1)]
Share = Annotated[float, Field(gt=0, le=1)]
Weight = Annotated[float, Field(ge=0)]
Augmentation = Literal["crop", "flip", "noise", "scale", "shift"]

ORIGINAL = "original"
"""The teacher that needs no file."""


class _Settings(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class Teaching(_Settings):
    """``distill``: whom to learn from and how much; see :mod:`tinygen.compress.distill`.

    ``teacher`` is a model file, or ``original``: the model before the first step that is not train.
    """

    teacher: str = ORIGINAL
    temperature: Annotated[float, Field(gt=0)] = 2.0
    weight: Annotated[float, Field(ge=0, le=1)] = 0.5
    features: tuple[tuple[str, str], ...] = ()
    feature_weight: Weight = 1.0


class Training(_Settings):
    """What every step that trains can be told."""

    do: str
    epochs: Positive
    learning_rate: Rate = 5e-4
    batch: Positive = 128
    weight_decay: Weight = 0.0
    augment: tuple[Augmentation, ...] = ()
    distill: Teaching | None = None


class Train(Training):
    """Train from the weights that are there."""

    do: Literal["train"]
    learning_rate: Rate = 3e-3


class FineTune(Training):
    """Train on with a small learning rate."""

    do: Literal["finetune"]


class Distill(Training):
    """Train on with a teacher."""

    do: Literal["distill"]
    learning_rate: Rate = 2e-3
    distill: Teaching = Teaching()


class Prune(Training):
    """Remove channels until ``of`` is at most ``limit``, or ``to`` times what it is, on the board.

    That happens in ``iterations`` equal ratios, each followed by ``epochs`` of training.
    """

    do: Literal["prune"]
    to: Share | None = None
    limit: Positive | None = None
    of: Literal["cycles_modelled", "instructions", "macs", "ram_bytes", "flash_bytes"] = (
        "cycles_modelled"
    )
    criterion: Literal["l1", "l2", "bn", "taylor", "random"] = "l2"
    iterations: Positive = 1
    epochs: Count = 0
    learning_rate: Rate = 2e-3


class LowRank(_Settings):
    """Split dense layers and 1x1 convolutions in two; see :mod:`tinygen.compress.low_rank`."""

    do: Literal["low_rank"]
    energy: Share | None = None
    parameters: Share | None = None


class Cluster(Training):
    """Let weights share values, and keep that while training for ``epochs``."""

    do: Literal["cluster"]
    values: Annotated[int, Field(ge=2, le=256)] = 16
    epochs: Count = 0


class EarlyExit(Training):
    """Add an exit at the layer ``at``, and train it: with the network, or the ``head`` alone.

    ``weight`` is that of the exit's loss. The threshold will be the lowest that loses at most
    ``loss`` of the accuracy, on training samples that this step and those after it do not see.
    """

    do: Literal["early_exit"]
    at: str
    train: Literal["joint", "head"] = "joint"
    weight: Weight = 0.5
    loss: Annotated[float, Field(ge=0, le=1)] = 0.005


class Ptq(_Settings):
    """Quantize to int8 with ranges that ``samples`` of the training data show.

    The options are those of :func:`tinygen.compress.export.quantize`.
    """

    do: Literal["ptq"]
    weight_bits: Literal[4, 8] = 8
    calibrator: Literal["minmax", "percentile", "mse"] = "minmax"
    equalize: bool = False
    correct_bias: bool = False
    samples: Positive = 500


class Qat(Training):
    """Train with the roundings of int8, and quantize."""

    do: Literal["qat"]
    weight_bits: Literal[4, 8] = 8
    ranges: Literal["learned", "moving"] = "learned"
    samples: Positive = 500


Step = Annotated[
    Train | FineTune | Distill | Prune | LowRank | Cluster | EarlyExit | Ptq | Qat,
    Field(discriminator="do"),
]
QUANTIZING = ("ptq", "qat")
_AFTER_EXIT = ("train", "finetune", *QUANTIZING)


class Recipe(_Settings):
    """A whole recipe; everything random in it follows from ``seed``."""

    seed: Count = 0
    step: Annotated[tuple[Step, ...], Field(min_length=1)]

    @property
    def early_exit(self) -> EarlyExit | None:
        """The step that adds an exit."""
        return next((step for step in self.step if isinstance(step, EarlyExit)), None)

    @property
    def teachers(self) -> tuple[str, ...]:
        """The model files of all teachers."""
        taught = (step.distill for step in self.step if isinstance(step, Training))
        return tuple(t.teacher for t in taught if t is not None and t.teacher != ORIGINAL)

    @property
    def teacher_after(self) -> int:
        """How many steps come before the model is taken as the original that teaches."""
        for number, step in enumerate(self.step):
            if step.do != "train":
                return number
        return len(self.step)


def load(path: Path) -> Recipe:
    """Read a recipe. Raises ConfigError that names the step, the parameter, and what is wrong."""
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"recipe {path} cannot be read ({error.strerror}); name a TOML file"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}; correct it there") from None
    try:
        recipe = Recipe.model_validate(tree)
    except pydantic.ValidationError as error:
        raise ConfigError(_sentence(error, path)) from None
    recipe = recipe.model_copy(update={"step": tuple(_beside(step, path) for step in recipe.step)})
    *before, last = recipe.step
    early = [step.do for step in before if step.do in QUANTIZING]
    if last.do not in QUANTIZING or early:
        raise ConfigError(
            f"{path}: step {len(recipe.step)} is {last.do!r}; a recipe has exactly one of "
            f"{' and '.join(QUANTIZING)}, as its last step"
        )
    _check_exit(recipe, path)
    return recipe


def _check_exit(recipe: Recipe, path: Path) -> None:
    """Refuse what is not done to a network with two outputs."""
    if recipe.early_exit is None:
        return
    first = recipe.step.index(recipe.early_exit)
    for number, step in enumerate(recipe.step[first:], first + 1):
        taught = isinstance(step, Training) and step.distill is not None
        if taught or (number > first + 1 and step.do not in _AFTER_EXIT):
            raise ConfigError(
                f"{path}: step {number} is {step.do!r}{' with distill' if taught else ''}, which "
                "is not done to a network with an exit; put it before early_exit"
            )


def _beside(step: Step, path: Path) -> Step:
    """The step with the file name of its teacher relative to where the recipe's is."""
    teaching = getattr(step, "distill", None)
    if teaching is None or teaching.teacher == ORIGINAL:
        return step
    found = teaching.model_copy(update={"teacher": str(path.parent / teaching.teacher)})
    return step.model_copy(update={"distill": found})


def _sentence(error: pydantic.ValidationError, path: Path) -> str:
    """The first validation error: which step, which key, what it may be."""
    first = error.errors(include_url=False)[0]
    where = str(path)
    keys = list(first["loc"])
    if keys[:1] == ["step"] and len(keys) > 1:
        where += f": step {int(keys[1]) + 1}"
        # After the number, pydantic names the kind of step.
        kind, rest = keys[2:3], keys[3:]
        where += f" ({kind[0]})" if kind else ""
        where += "".join(f" {key}" for key in rest)
    else:
        where += ": " + " ".join(map(str, keys))
    if first["type"] == "extra_forbidden":
        return f"{where} is not a known setting; docs/compression.md lists what is"
    if first["type"] == "missing":
        return f"{where} is missing; add it"
    message = first["msg"][0].lower() + first["msg"][1:]
    return f"{where} is wrong: {message}; correct it"
