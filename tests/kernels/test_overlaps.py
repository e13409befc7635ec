"""What kernels promise about their output lying over their input, at the closest they allow."""

import pytest
from batching import HELIUM
from overlapping import promises, prove_closest

from tinygen.kernels import kernels

KERNELS = [k for k in kernels().values() if k.provider == "tinygen" and k not in HELIUM]


def test_closest_overlaps_give_the_same_bytes(monkeypatch):
    drawn = [promise for kernel in KERNELS for promise in promises(kernel, range(500, 504))]
    assert len({node.op for node, _, _ in drawn}) > 20
    assert prove_closest(drawn, monkeypatch).values > 0


@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_closest_overlaps_give_the_same_bytes_on_many(kernel, monkeypatch):
    drawn = promises(kernel, range(600, 650))
    if not drawn:
        pytest.skip("the kernel promises no overlap")
    assert prove_closest(drawn, monkeypatch).values > 0
