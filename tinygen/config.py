"""tinygen.toml and command-line options as one frozen, validated object.

An option given on the command line wins over the file; a key that is not known is an error.
Paths in the file are relative to the file.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pydantic
from pydantic import Field

from tinygen.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE_NAME = "tinygen.toml"

Positive = Annotated[int, Field(gt=0)]
Above = Annotated[float, Field(gt=0)]
Values = Annotated[
    tuple[Annotated[float, Field(allow_inf_nan=False)], ...],
    pydantic.BeforeValidator(lambda given: given if isinstance(given, list | tuple) else (given,)),
    Field(min_length=1),
]
"""One number, or a list of them."""


class _Section(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class Project(_Section):
    """``[project]``: ``name`` is the prefix of every C name and file that is generated."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)] = "network"


class Model(_Section):
    """``[model]``: the model file, and calibration data for one that is not quantized yet."""

    path: Path | None = None
    calibration: Path | None = None


class Build(_Section):
    """``[build]``: for which board or core, and how.

    ``max_flash`` limits constants and estimated code of the kernels, ``max_ram`` the arena, both in
    bytes; kernels are chosen such that they keep them. ``copy_hot`` lets firmware for latency copy
    hot code and constants into fast memory that is left; with the arena they keep ``max_ram``.
    ``personality`` is the protocol that the firmware speaks. ``tuned`` is a table of what kernels
    took on a device; they are chosen by it where it knows them.
    """

    board: str | None = None
    core: str | None = None
    output: Path | None = None
    kernels: Literal["auto", "cmsis-nn", "tinygen"] = "auto"
    objective: Literal["latency", "ram", "flash"] = "latency"
    proof: Literal["full", "host"] = "full"
    personality: Literal["tinygen", "mlperf-tiny"] = "tinygen"
    max_flash: Positive | None = None
    max_ram: Positive | None = None
    copy_hot: bool = True
    tuned: Path | None = None


class Data(_Section):
    """``[data]``: labelled samples for ``tinygen test``, and how many of them to run."""

    path: Path | None = None
    limit: Positive | None = None


class Power(_Section):
    """``[power]``: the meter that ``tinygen test`` measures energy with; docs/power.md."""

    meter: str | None = None
    trigger: Literal["pin", "software"] = "pin"
    volts: Above | None = None
    windows: Positive = 5
    inferences_per_window: Positive | None = None


class Mlperf(_Section):
    """``[mlperf]``: for firmware of the personality mlperf-tiny, which benchmark, and how timed."""

    benchmark: Literal["kws", "ic", "vww", "ad"] | None = None
    mode: Literal["performance", "energy"] = "performance"


class Exit(_Section):
    """``[exit]``: which of two outputs may end an inference, and from which probability on."""

    output: Annotated[int, Field(ge=0, le=1)] | None = None
    threshold: Annotated[float, Field(gt=0, le=1)] | None = None


class Preprocess(_Section):
    """``[preprocess]``: what the device does to raw input; docs/preprocessing.md.

    Real values are ``scale * (raw - offset)``, with one scale and offset, or one per channel.
    ``window`` frames of a series make an input, one every ``hop`` frames.
    """

    raw: Literal["uint8", "int16", "float32"] | None = None
    scale: Values = (1.0,)
    offset: Values = (0.0,)
    window: Positive | None = None
    hop: Positive | None = None


class Compress(_Section):
    """``[compress]``: the recipe that makes a Keras model an int8 one, and labelled samples for it.

    ``data`` is a .npz file or ``module:function``; ``work`` the folder from which a run goes on.
    """

    recipe: Path | None = None
    data: str | None = None
    work: Path | None = None


class Budget(_Section):
    """``[budget]``: upper limits of the figures named; ``accuracy`` is a lower limit in [0, 1]."""

    flash_bytes: Positive | None = None
    ram_bytes: Positive | None = None
    arena_bytes: Positive | None = None
    stack_bytes: Positive | None = None
    instructions: Positive | None = None
    cycles: Positive | None = None
    cycles_modelled: Positive | None = None
    latency_ms: Above | None = None
    energy_uj: Above | None = None
    accuracy: Annotated[float, Field(ge=0, le=1)] | None = None


class Settings(_Section):
    """Everything a command can be told."""

    project: Project = Project()
    model: Model = Model()
    build: Build = Build()
    data: Data = Data()
    mlperf: Mlperf = Mlperf()
    power: Power = Power()
    preprocess: Preprocess = Preprocess()
    exit: Exit = Exit()
    compress: Compress = Compress()
    budget: Budget = Budget()


def load(options: Mapping[str, Any] | None = None, file: Path | None = None) -> Settings:
    """The settings of ``file`` (default: tinygen.toml here, if there is one) under the options.

    ``options`` maps ``section.key`` to a value from the command line; None means not given.
    Raises ConfigError that names the file or the option, the key, and what it may be.
    """
    path = file if file is not None else Path(FILE_NAME)
    tree = _read(path) if file is not None or path.is_file() else {}
    given = {key: value for key, value in (options or {}).items() if value is not None}
    for dotted, value in given.items():
        section, key = dotted.split(".")
        _section(tree, section)[key] = value
    # A board or a core on the command line replaces whichever the file names.
    for option, other in (("board", "core"), ("core", "board")):
        if f"build.{option}" in given and f"build.{other}" not in given:
            _section(tree, "build").pop(other, None)
    try:
        settings = Settings.model_validate(tree)
    except pydantic.ValidationError as error:
        raise ConfigError(_sentence(error, path, given)) from None
    if settings.build.board is not None and settings.build.core is not None:
        raise ConfigError(
            f"board {settings.build.board!r} and core {settings.build.core!r} are both given; "
            "a board has its core, so name only one"
        )
    return settings


def _read(path: Path) -> dict[str, Any]:
    """The file's sections, with its paths made relative to where we are."""
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}; name a readable file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}; correct it there") from None
    for section, key in _PATHS:
        values = _section(tree, section)
        if isinstance(values.get(key), str):
            values[key] = str(path.parent / values[key])
    source = _section(tree, "compress").get("data")
    if isinstance(source, str) and ":" not in source:
        tree["compress"]["data"] = str(path.parent / source)
    return tree


def _section(tree: dict[str, Any], name: str) -> dict[str, Any]:
    """A section to read and change; where the file has something else there, a throw-away one.

    What is wrong with the file is left for the validation to say.
    """
    section = tree.setdefault(name, {})
    return section if isinstance(section, dict) else {}


_PATHS = [
    (section, key)
    for section, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, _Section)
    for key, inner in field.annotation.model_fields.items()
    if inner.annotation == Path | None
]


def _sentence(error: pydantic.ValidationError, path: Path, given: Mapping[str, Any]) -> str:
    """The first validation error as one sentence that says where and what would be right."""
    first = error.errors(include_url=False)[0]
    keys = [str(part) for part in first["loc"]]
    where = f"{path}: [{keys[0]}]" + "".join(f" {key}" for key in keys[1:2])
    if ".".join(keys[:2]) in given:
        where = f"option --{keys[1].replace('_', '-')}"
    if first["type"] == "extra_forbidden":
        known = Settings.model_fields
        if len(keys) > 1:
            known = getattr(Settings(), keys[0]).__class__.model_fields
        return f"{where} is not a known setting; known are {', '.join(known)}"
    what = first["msg"][0].lower() + first["msg"][1:]
    return f"{where} is {first['input']!r}, but {what}; correct it"
