"""What kernels promise about their output lying over their input, at the closest they allow."""

import pytest
from batching import HELIUM, distinct
from convolutions import convolution
from overlapping import CORE, promises, prove_closest

from tinygen.kernels import kernels

KERNELS = [k for k in kernels().values() if k.provider == "tinygen" and k not in HELIUM]


def test_closest_overlaps_give_the_same_bytes(monkeypatch):
    drawn = [promise for kernel in KERNELS for promise in promises(kernel, range(500, 504))]
    assert len({node.op for node, _, _ in drawn}) > 20
    assert prove_closest(drawn, monkeypatch).values > 0


def test_pixels_that_grow_do_not_reach_those_not_yet_read(monkeypatch):
    """Drawn convolutions are seldom 1x1, and then seldom of more channels than the input's."""
    name = "conv_2d_dsp_columns"
    kernel = kernels()[name]
    drawn = []
    for seed in range(200):
        node = distinct(convolution(seed, 1, 1, 1), f"{name}_{seed}")
        chosen = kernel.implement(node, CORE)
        if chosen.overlaps[0].distance > 0:
            drawn.append((node, chosen, chosen.overlaps[0]))
    assert len(drawn) >= 12
    assert prove_closest(drawn[:12], monkeypatch).values > 0


@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_closest_overlaps_give_the_same_bytes_on_many(kernel, monkeypatch):
    drawn = []
    # Kernels for few shapes accept few of the drawn nodes: draw until there are enough.
    for first in range(600, 1800, 50):
        drawn += promises(kernel, range(first, first + 50))
        if len(drawn) >= 16:
            break
    if not drawn:
        pytest.skip("no drawn node has an output that may lie over its input")
    assert prove_closest(drawn, monkeypatch).values > 0
