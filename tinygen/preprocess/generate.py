"""The C that turns raw input into what a network takes, beside the network's own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tinygen import __version__, codegen
from tinygen.errors import ConfigError
from tinygen.preprocess.conversion import Conversion

if TYPE_CHECKING:
    from tinygen.compiler import CompiledModel
    from tinygen.config import Preprocess
    from tinygen.ir import Tensor

_MAX_TABLES = 64


@dataclass(frozen=True)
class Window:
    """Frames of ``frame`` values each; ``length`` of them make an input, one every ``hop``."""

    length: int
    hop: int
    frame: int


@dataclass(frozen=True)
class Preprocessing:
    """What is done to raw values before they are the only input of a network.

    ``count`` is the number of values of that input; element i belongs to channel
    ``i % conversion.channels``.
    """

    conversion: Conversion
    count: int
    window: Window | None


def plan(settings: Preprocess, compiled: CompiledModel) -> Preprocessing | None:
    """What ``[preprocess]`` asks for, None where it asks for nothing.

    Raises ConfigError where it does not fit the network.
    """
    if settings.raw is None:
        if settings.model_fields_set:
            keys = ", ".join(sorted(settings.model_fields_set))
            raise ConfigError(
                f"[preprocess] has {keys} but no raw type; give raw as uint8, int16 or float32"
            )
        return None
    tensors = compiled.source.inputs
    if len(tensors) != 1 or tensors[0].dtype != np.int8 or tensors[0].quantization is None:
        listing = ", ".join(f"{t.name!r} ({t.dtype})" for t in tensors)
        raise ConfigError(
            f"[preprocess] is for networks with one quantized int8 input, but model "
            f"{compiled.source.name!r} takes {listing}; leave the table out"
        )
    tensor = tensors[0]
    channels = max(len(settings.scale), len(settings.offset))
    for key, values in (("scale", settings.scale), ("offset", settings.offset)):
        if len(values) not in (1, channels) or channels not in (1, tensor.shape[-1]):
            raise ConfigError(
                f"[preprocess] {key} has {len(values)} values, but input {tensor.name!r} of shape "
                f"{tensor.shape} has {tensor.shape[-1]} channels; give one value or one for each"
            )
    if settings.raw == "uint8" and channels > _MAX_TABLES:
        raise ConfigError(
            f"[preprocess] has {channels} channels of uint8, each a table of 256 bytes in flash, "
            f"and {_MAX_TABLES} are the most; hand them over as int16, which takes no tables"
        )
    scales, offsets = (
        values if len(values) == channels else values * channels
        for values in (settings.scale, settings.offset)
    )
    if len(set(zip(scales, offsets, strict=True))) == 1:
        scales, offsets = scales[:1], offsets[:1]
    conversion = Conversion(settings.raw, scales, offsets, tensor.quant)
    return Preprocessing(conversion, tensor.size, _window(settings, tensor, conversion.channels))


def added(compiled: CompiledModel, preprocessing: Preprocessing) -> CompiledModel:
    """The compiled network with the two files of its preprocessing."""
    return replace(compiled, files=compiled.files | render(compiled.name, preprocessing))


def render(name: str, preprocessing: Preprocessing) -> dict[str, str]:
    """File names and contents; ``name`` is the network's, which prefixes everything public."""
    conversion = preprocessing.conversion
    context = {
        "name": name,
        "prefix": name.upper(),
        "version": __version__,
        "raw": conversion.raw,
        "ctype": codegen.CTYPES[conversion.raw],
        "count": preprocessing.count,
        "channels": conversion.channels,
        "zero_point": conversion.input.zero_point,
        "window": preprocessing.window,
        "scales": conversion.scales,
        "offsets": conversion.offsets,
        "channel_rows": list(zip(conversion.scales, conversion.offsets, strict=True)),
    }
    if conversion.raw == "uint8":
        context["tables"] = [codegen.c_rows(row) for row in conversion.table]
    elif conversion.raw == "int16":
        context["fixed_point"] = conversion.fixed_point
    else:
        context["scale_rows"] = codegen.c_rows(np.array(conversion.scales, np.float32))
        context["offset_rows"] = codegen.c_rows(np.array(conversion.offsets, np.float32))
        context["step"] = f"{np.float32(conversion.input.scale)!s}"
    return {
        f"{name}_preprocess.{kind}": codegen.environment()
        .get_template(f"preprocess/preprocess.{kind}.j2")
        .render(context)
        for kind in ("h", "c")
    }


def _window(settings: Preprocess, tensor: Tensor, channels: int) -> Window | None:
    if settings.window is None:
        if settings.hop is not None:
            raise ConfigError(
                "[preprocess] hop is given without window; give the frames of a window as well"
            )
        return None
    frames = tensor.shape[1] if len(tensor.shape) > 1 else 0
    if settings.window != frames:
        raise ConfigError(
            f"[preprocess] window is {settings.window} frames, but input {tensor.name!r} of shape "
            f"{tensor.shape} takes {frames}; give that number, or train with such windows"
        )
    frame = tensor.size // frames
    if frame % channels:
        raise ConfigError(
            f"[preprocess] window makes frames of {frame} values of input {tensor.name!r}, which "
            f"{channels} channels do not divide; give one scale and one offset"
        )
    return Window(frames, settings.hop or frames, frame)
