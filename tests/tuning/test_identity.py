import dataclasses

import numpy as np
from tiny_models import conv

from tinygen.cores import core
from tinygen.ir import Tensor
from tinygen.kernels import kernels_for
from tinygen.ops.base import INT8, quantized
from tinygen.tuning.identity import described, digest

M4 = core("cortex-m4")


def node(channels=3, seed=1, depth=2):
    return conv("layer", quantized("x", (1, 5, 4, depth), 0.02, 3), channels, seed=seed)


def offers(layer):
    found = kernels_for(layer.op, "tinygen")
    return [kernel.implement(layer, M4) for kernel in found if not kernel.refusal(layer, M4)]


def digests(layer):
    return [digest(layer, offer, M4) for offer in offers(layer)]


def test_kernels_and_shapes_are_told_apart():
    assert len(offers(node())) > 2
    assert len(set(digests(node()) + digests(node(channels=4)))) == len(
        digests(node()) + digests(node(channels=4))
    )


def test_other_weights_are_the_same_kernel():
    layer = node()
    filters = layer.input(1)
    other = Tensor(
        "other", filters.shape, INT8, filters.quantization, np.roll(filters.constant, 1).copy()
    )
    inputs = (layer.inputs[0], other, *layer.inputs[2:])
    (first, *_), (second, *_) = offers(layer), offers(layer.replace(inputs=inputs))
    assert first.constants[0].data.tobytes() != second.constants[0].data.tobytes()
    assert digest(layer, first, M4) == digest(layer.replace(inputs=inputs), second, M4)


def test_what_is_generated_counts():
    layer = node()
    recorded = next(offer for offer in offers(layer) if offer.record)
    at, field = next((i, f) for i, f in enumerate(recorded.record) if isinstance(f.value, int))
    record = list(recorded.record)
    record[at] = dataclasses.replace(field, value=field.value + 1)
    changed = dataclasses.replace(recorded, record=tuple(record))
    assert digest(layer, changed, M4) != digest(layer, recorded, M4)
    # Estimates are no part of what runs.
    cheaper = dataclasses.replace(recorded, cycles=1.0, code_bytes=1)
    assert digest(layer, cheaper, M4) == digest(layer, recorded, M4)


def test_tensors_are_described_for_people():
    layer = node()
    assert described((*layer.inputs, None)) == (
        "int8 1x5x4x2",
        "int8 3x3x3x2",
        "int32 3",
        "none",
    )
