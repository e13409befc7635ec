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
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar

import pydantic
from pydantic import BeforeValidator, Discriminator, Field, Tag

from tinygen.compress.recipe import ORIGINAL, Augmentation, Count, Positive, Rate, Share
from tinygen.compress.search.budget import Budget
from tinygen.errors import ConfigError

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
