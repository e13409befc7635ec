"""Damaged model files: each loads or is refused with one sentence, quickly and in little memory."""

import random
import struct
import time
import tracemalloc
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from tiny_models import operator_samples, two_convs

from tinygen.errors import ModelError
from tinygen.frontend.tflite import read
from tinygen.ir import Graph, Tensor
from tinygen.ops import operator, operators
from tinygen.ops.base import INT32
from tinygen.ops.sampling import SeededDraw
from tinygen.tflite_format import verifier
from tinygen.tflite_format.writer import write

MAX_SECONDS = 1.0
MAX_MEMORY = 16 << 20
MAX_MESSAGE = 800
COMMITTED = sorted((Path(__file__).parents[1] / "models").glob("**/*.tflite"))

LENGTHS = (0, 1, 0x7F, 0x100, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
NUMBERS = {1: "<B", 2: "<H", 4: "<I", 8: "<Q"}


@cache
def models():
    """Small models, and for each the places in it that the structure check looks at."""
    found = [write(two_convs()), *operator_samples().values()]
    found += [path.read_bytes() for path in COMMITTED]
    return [(data, places(data)) for data in found]


def places(data):
    """Positions and widths of offsets, lengths, vtable entries and scalar fields."""
    seen = set()

    class Tracing(verifier._Verifier):
        def inside(self, position, nbytes, alignment):
            if nbytes in NUMBERS and nbytes == alignment:
                seen.add((position, nbytes))
            super().inside(position, nbytes, alignment)

    Tracing(data).root()
    return sorted(seen)


def truncate_anywhere(rng, data, _):
    return data[: rng.randrange(len(data))]


def truncate_at_a_place(rng, data, where):
    position, width = rng.choice(where)
    return data[: position + rng.choice((0, 1, width))]


def flip_bits(rng, data, _):
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def flip_a_bit_of_the_structure(rng, data, where):
    position, width = rng.choice(where)
    changed = bytearray(data)
    changed[position + rng.randrange(width)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def splat(rng, data, _):
    length = rng.choice((1, 2, 4, 16, 64))
    position = rng.randrange(len(data))
    changed = bytearray(data)
    changed[position : position + length] = bytes([rng.choice((0, 1, 0x7F, 0x80, 0xFF))]) * length
    return bytes(changed)


def oversize(rng, data, where):
    position, width = rng.choice(where)
    changed = bytearray(data)
    value = rng.choice(LENGTHS) & ((1 << 8 * width) - 1)
    struct.pack_into(NUMBERS[width], changed, position, value)
    return bytes(changed)


def redirect(rng, data, where):
    """Let an offset lead to itself, backwards, or to another part of the structure."""
    position = rng.choice([position for position, width in where if width == 4])
    target = rng.choice((0, -4, -position, rng.choice(where)[0] - position, len(data) - position))
    changed = bytearray(data)
    struct.pack_into("<I", changed, position, target & 0xFFFFFFFF)
    return bytes(changed)


def nudge(rng, data, where):
    """A number that is off by a little: indices, sizes, types and options that nearly fit."""
    position, width = rng.choice(where)
    changed = bytearray(data)
    (value,) = struct.unpack_from(NUMBERS[width], changed, position)
    value = (value + rng.choice((-4, -2, -1, 1, 2, 4, 60))) & ((1 << 8 * width) - 1)
    struct.pack_into(NUMBERS[width], changed, position, value)
    return bytes(changed)


MUTATORS = (
    truncate_anywhere, truncate_at_a_place, flip_bits, flip_a_bit_of_the_structure, splat, oversize,
    redirect, nudge,
)  # fmt: skip


def outcome(data):
    """'loaded' or 'refused'; fails when the file is refused in any other way than it should be."""
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    started = time.process_time()
    try:
        read(data, "mutant")
        result = "loaded"
    except ModelError as error:
        message = str(error)
        assert message.strip() == message
        assert message
        assert message.isprintable()
        assert len(message) < MAX_MESSAGE
        result = "refused"
    assert time.process_time() - started < MAX_SECONDS
    assert tracemalloc.get_traced_memory()[1] - before < MAX_MEMORY
    return result


def run(numbers):
    outcomes = {"loaded": 0, "refused": 0}
    for data, _ in models():
        read(data, "intact")
    tracemalloc.start()
    try:
        for number in numbers:
            rng = random.Random(number)
            data, where = models()[number % len(models())]
            mutate = rng.choice(MUTATORS)
            mutant = mutate(rng, data, where)
            try:
                outcomes[outcome(mutant)] += 1
            except Exception as error:
                raise AssertionError(f"mutation {number} ({mutate.__name__}): {error!r}") from error
    finally:
        tracemalloc.stop()
    return outcomes


def test_two_thousand_mutations():
    outcomes = run(range(2000))
    assert outcomes["refused"] > 500
    assert outcomes["loaded"] > 100


@pytest.mark.slow
def test_many_more_mutations():
    assert sum(run(range(2000, 12_000)).values()) == 10_000


@pytest.mark.parametrize("name", operators())
def test_huge_index_constants_are_refused_at_once(name):
    """Shapes, axes and begins are vectors of a few numbers; a damaged file may claim a million."""
    node = next(
        node
        for node in (operator(name).sample(SeededDraw(seed)) for seed in range(200))
        if all(len(t.shape) < 2 or t.shape[0] == 1 for t in node.activations)
    )
    huge = Tensor("huge", (1 << 20,), INT32, None, np.full(1 << 20, 0x7FFFFFF1, np.int32))
    for position, tensor in enumerate(node.inputs):
        if tensor is None or not tensor.is_constant or tensor.dtype != INT32:
            continue
        inputs = (*node.inputs[:position], huge, *node.inputs[position + 1 :])
        graph = Graph("g", node.activations, node.outputs, (node.replace(inputs=inputs),))
        data = write(graph)
        started = time.process_time()
        with pytest.raises(ModelError) as refused:
            read(data, "huge")
        assert time.process_time() - started < MAX_SECONDS
        assert len(str(refused.value)) < MAX_MESSAGE
