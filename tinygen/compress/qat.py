"""Quantization-aware training: the float graph with every rounding of its int8 form in it.

:func:`prepare` makes a keras.Model of a trained one, which ``fit`` or a loop of one's own trains;
:func:`export` makes the int8 graph of what was trained.

What is trained is the simplified graph that also calibration runs, so batch normalization is folded
with the statistics that it has. That is meant for a model that is trained already: its
statistics are settled, a deployed kernel has none of its own, and a fine-tuned weight goes through
the very rounding that it will have. What acts in training only, such as dropout, is gone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygen.compress.calibrate import calibrate, samples
from tinygen.compress.export import check_bits, compare, float_graph, to_int8
from tinygen.compress.qat_graph import Plan
from tinygen.compress.qat_model import model_class
from tinygen.compress.scales import Range
from tinygen.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygen.compress.qat_graph import Ranges
    from tinygen.ir import Array, Graph

    QatModel = Any
    """A keras.Model that :func:`prepare` has made; its class needs Keras to exist."""


def prepare(
    model: Any,
    calibration: Array | Sequence[Array],
    name: str,
    *,
    weight_bits: int = 8,
    ranges: Ranges = "learned",
    per_channel_dense: bool = False,
    calibrator: str = "minmax",
) -> QatModel:
    """A keras.Model that computes what the int8 form of ``model`` will, and can be trained.

    It takes and gives what ``model`` does (several outputs as a list), and begins with the weights
    of ``model`` and the ranges that ``calibrator`` (as for :func:`.export.quantize`) makes of
    ``calibration``, one array of samples per input. ``ranges`` of activations are ``"learned"``
    by gradient, or ``"moving"`` averages of what batches show in training; those of inputs stay.
    With ``weight_bits`` 4 the weights are int8 values from -7 to 7, with a learned range per
    scale. Called with ``training=True``, a last softmax, sigmoid or tanh is not rounded: where
    1/256 is the smallest probability, a loss has no slope for what is most wrong.

    All state is in the variables: a checkpoint is ``save_weights``, and ``load_weights`` on
    a model prepared in the same way resumes it. Raises ModelError and UnsupportedError for
    the model, DataError for the samples, ConfigError for an option, ToolchainError without
    TensorFlow.
    """
    check_bits(weight_bits)
    if ranges not in ("learned", "moving"):
        raise ConfigError(f"ranges cannot be {ranges!r}; choose 'learned' or 'moving'")
    graph = float_graph(model, name)
    inputs = samples(graph, calibration)
    compare(graph, model, inputs)
    plan = Plan(graph, weight_bits, per_channel_dense, ranges)
    return model_class()(plan, calibrate(graph, inputs, calibrator))


def export(model: QatModel) -> Graph:
    """The int8 graph of a model that :func:`prepare` has made, as it is trained now.

    Raises ModelError when training has made a weight or a range that is not finite.
    """
    plan: Plan = model.plan
    values = dict(zip(plan.constants, (np.asarray(v).copy() for v in model.values), strict=True))
    pairs = np.array(model.group_ranges())
    if not all(np.isfinite(array).all() for array in (pairs, *values.values())):
        raise ModelError(
            f"model {plan.graph.name!r} has weights or ranges that are not finite after training; "
            "train it again from the start, with a lower learning rate"
        )
    trained = {tensor: replace(tensor, data=data) for tensor, data in values.items()}
    graph = plan.graph.replace(
        nodes=tuple(
            node.replace(
                inputs=tuple(trained.get(t, t) if t is not None else t for t in node.inputs)
            )
            for node in plan.graph.nodes
        )
    )
    ranges = {
        tensor.name: Range(float(low), float(high))
        for group, (low, high) in zip(plan.groups, pairs, strict=True)
        for tensor in group.members
    }
    largest = {name: np.array(value) for name, value in model.largest().items()}
    return to_int8(graph, ranges, plan.per_channel_dense, plan.weight_bits, largest)
