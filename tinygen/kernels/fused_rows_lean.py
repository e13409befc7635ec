"""FUSED_ROWS, every row with least scratch memory; :mod:`._fused_rows` says why it is exact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygen.kernels._fused_rows import FusedRows

if TYPE_CHECKING:
    from tinygen.kernels.base import Implementation


class FusedRowsLean(FusedRows):
    """A chain by rows, for memory."""

    name = "fused_rows_lean"

    def rank(self, offer: Implementation) -> tuple[float, float]:
        return offer.scratch_bytes, offer.cycles


KERNEL = FusedRowsLean()
