"""The layer settings of Keras 1 and 2 files, under the names that Keras 3 knows.

Only what inference needs is kept: initializers, regularizers and constraints are dropped, several
of which have settings that Keras 3 no longer accepts.
"""

from __future__ import annotations

from typing import Any

from tinygen.errors import UnsupportedError

Config = dict[str, Any]

_CLASSES = {
    "AtrousConvolution2D": "Conv2D",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Model": "Functional",
    "SeparableConvolution2D": "SeparableConv2D",
    "SyncBatchNormalization": "BatchNormalization",
}

_KEYS = {
    "alpha": "negative_slope",
    "atrous_rate": "dilation_rate",
    "bias": "use_bias",
    "border_mode": "padding",
    "filter_length": "kernel_size",
    "nb_filter": "filters",
    "output_dim": "units",
    "p": "rate",
    "pool_length": "pool_size",
    "sigma": "stddev",
    "stride": "strides",
    "subsample": "strides",
    "subsample_length": "strides",
}

_MERGES = {
    "concat": "Concatenate",
    "max": "Maximum",
    "mul": "Multiply",
    "sum": "Add",
}

_TRAINING_ONLY = ("_initializer", "_regularizer", "_constraint", "_init")
_FORGOTTEN = {"init", "input_dim", "input_dtype", "input_length", "weights"}
_UNGROUPED = {"DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"}
"""Layers that wrote a ``groups`` of one in Keras 2 and refuse it in Keras 3."""


def modernize(model: Config) -> Config:
    """A model's ``class_name`` and ``config`` as Keras 3 reads them from an .h5 file.

    Raises UnsupportedError for a setting that has no equal in Keras 3.
    """
    kind = _CLASSES.get(model["class_name"], model["class_name"])
    config = model["config"]
    if isinstance(config, list):
        # Keras up to 2.2 wrote a Sequential as the bare list of its layers.
        config = {"name": "sequential", "layers": config}
    layers = [_layer(layer) for layer in config["layers"]]
    if kind == "Sequential":
        layers = _with_input(layers)
    return {"class_name": kind, "config": {**config, "layers": layers}}


def _layer(layer: Config) -> Config:
    if "layers" in layer["config"] or isinstance(layer["config"], list):
        return {**layer, **modernize(layer)}
    name = layer["config"].get("name", layer.get("name"))
    kind = layer["class_name"].rsplit(">", 1)[-1]
    kind = _CLASSES.get(kind, kind)
    config = _renamed(layer["config"])
    if kind == "Merge":
        mode = config.pop("mode", None)
        if mode not in _MERGES:
            raise UnsupportedError(
                f"layer {name!r} (Merge): mode {mode!r} has no layer in Keras 3; "
                f"use one of {', '.join(_MERGES)}"
            )
        kind, axis = _MERGES[mode], config.get("concat_axis", -1)
        config = {"name": name, **({"axis": axis} if kind == "Concatenate" else {})}
    if kind == "BatchNormalization" and config.pop("mode", 0) != 0:
        raise UnsupportedError(
            f"layer {name!r} (BatchNormalization): it normalizes by the batch it sees; use mode 0"
        )
    if kind in _UNGROUPED and config.get("groups") == 1:
        del config["groups"]
    return {**layer, "class_name": kind, "config": config}


def _renamed(config: Config) -> Config:
    kept = {
        _KEYS.get(key, key): value
        for key, value in config.items()
        if key not in _FORGOTTEN and not key.endswith(_TRAINING_ONLY)
    }
    if "nb_row" in kept:
        kept["kernel_size"] = [kept.pop("nb_row"), kept.pop("nb_col")]
    if "dim_ordering" in kept:
        theano = kept.pop("dim_ordering") == "th"
        kept["data_format"] = "channels_first" if theano else "channels_last"
    return kept


def _with_input(layers: list[Config]) -> list[Config]:
    """The layers of a Sequential, the first one's input shape as a layer of its own."""
    first = layers[0]["config"] if layers else {}
    if "batch_input_shape" not in first or layers[0]["class_name"] == "InputLayer":
        return layers
    shape = first["batch_input_shape"]
    rest = {key: value for key, value in first.items() if key != "batch_input_shape"}
    head = {"class_name": "InputLayer", "config": {"batch_input_shape": shape, "name": "input"}}
    return [head, {**layers[0], "config": rest}, *layers[1:]]
