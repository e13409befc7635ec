"""The keras.Model that quantization-aware training trains: its variables, and its forward pass."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygen.compress import fakequant
from tinygen.compress.backend import keras, tensorflow
from tinygen.compress.clipping import best_largest
from tinygen.compress.qat_graph import Plan, Rounded, moved
from tinygen.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tinygen.compress.scales import Range
    from tinygen.ir import Array

_SMALLEST_FACTOR = 1 / 64


@cache
def model_class() -> Any:
    """The class of prepared models, made when Keras is first needed."""
    module = keras()
    tf = tensorflow()

    class QatModel(module.Model):  # type: ignore[misc,name-defined]
        """A float graph whose values are rounded as int8 will have them."""

        def __init__(self, plan: Plan, seen: Mapping[str, Range]) -> None:
            super().__init__(name=_word(plan.graph.name))
            self.plan = plan
            self.values = [
                self._variable(tensor.name, tensor.constant, True) for tensor in plan.constants
            ]
            united = [group.united(seen) for group in plan.groups]
            ends = np.array([(min(r.low, 0), max(r.high, 0)) for r in united], np.float32)
            self.ends = self._variable("ranges", ends.reshape(-1, 2), False)
            self.factors = None
            if plan.ranges == "learned":
                # One factor per end: a step of the optimizer then is relative to the range.
                self.factors = self._variable("range_factors", np.ones_like(ends), True)
            self.limits, self.limit_factors = [], []
            for node in plan.weighted if plan.weight_bits < 8 else ():
                weights = node.input(1).constant
                best = best_largest(weights, plan.axis(node), plan.weight_bits)
                self.limits.append(self._variable(f"{node.name}/limit", best, False))
                factor = self._variable(f"{node.name}/limit_factor", np.ones_like(best), True)
                self.limit_factors.append(factor)
            self.built = True

        def _variable(self, name: str, value: Array, trainable: bool) -> Any:
            return self.add_weight(
                shape=value.shape,
                initializer=lambda shape, dtype=None: value,
                trainable=trainable,
                name=_word(name),
            )

        def group_ranges(self) -> Any:
            """Low and high end per group of the plan, shape (groups, 2)."""
            if self.factors is None:
                return tf.convert_to_tensor(self.ends)
            factors = tf.maximum(tf.convert_to_tensor(self.factors), _SMALLEST_FACTOR)
            frozen = np.array([[self.plan.is_input(group)] for group in self.plan.groups])
            return tf.convert_to_tensor(self.ends) * tf.where(frozen, 1.0, factors)

        def largest(self) -> dict[str, Any]:
            """What weights are clipped to, by node name, where that is learned."""
            if not self.limits:
                return {}
            named = {}
            for node, limit, factor in zip(
                self.plan.weighted, self.limits, self.limit_factors, strict=True
            ):
                factor = tf.maximum(tf.convert_to_tensor(factor), _SMALLEST_FACTOR)
                elements = node.input(1).size / limit.shape[0]
                factor = fakequant.damped(factor, elements, self.plan.weight_bits)
                named[node.name] = tf.convert_to_tensor(limit) * factor
            return named

        def __call__(self, x: Any, *args: Any, **options: Any) -> Any:
            # Before Keras sees it, which would wrap an error in a page of its own.
            return super().__call__(self._checked(x), *args, **options)

        def _checked(self, x: Any) -> list[Any]:
            given: list[Any] = module.tree.flatten(x)
            wanted = self.plan.graph.inputs
            fits = len(given) == len(wanted) and all(
                len(value.shape) > 0 and _fits(tuple(value.shape[1:]), tensor.shape[1:])
                for value, tensor in zip(given, wanted, strict=True)
            )
            if not fits:
                raise DataError(
                    f"model {self.plan.graph.name!r} takes inputs of shapes "
                    f"{[t.shape[1:] for t in wanted]} behind the batch, and was given "
                    f"{[tuple(value.shape) for value in given]}; reshape the data"
                )
            return given

        def call(self, x: Any, training: bool = False) -> Any:
            """Outputs as ``model`` has them; one value, or a list of several."""
            inputs = [
                tf.reshape(tf.cast(value, tf.float32), (-1, *tensor.shape[1:]))
                for value, tensor in zip(x, self.plan.graph.inputs, strict=True)
            ]
            rounded = self.rounded()
            values, exact = rounded.run(inputs, exact_ends=training)
            if training and self.factors is None:
                self.ends.assign(moved(self.plan, tf.convert_to_tensor(self.ends), exact))
            outputs = [values[tensor] for tensor in self.plan.graph.outputs]
            return outputs if len(outputs) > 1 else outputs[0]

        def rounded(self) -> Rounded:
            """The graph with the variables as they are now."""
            values = map(tf.convert_to_tensor, self.values)
            constants = dict(zip(self.plan.constants, values, strict=True))
            return Rounded(self.plan, constants, self.group_ranges(), self.largest())

    return QatModel


def _fits(given: Sequence[int | None], wanted: Sequence[int]) -> bool:
    """Whether a shape is the wanted one; axes of length one at the end may be left out."""
    whole = (*given, *(1,) * (len(wanted) - len(given)))
    return len(whole) == len(wanted) and all(
        size in (None, length) for size, length in zip(whole, wanted, strict=True)
    )


def _word(name: str) -> str:
    """A name as Keras allows it for variables."""
    return name.replace("/", "_")
