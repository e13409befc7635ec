"""What a block of peripheral registers is to the bus, and the plain case of one."""

from __future__ import annotations


class Registers:
    """Registers that read back what was written; a peripheral overrides what is more than that.

    Offsets are in bytes from the block's base. Accesses narrower than a word reach the register
    they lie in; drivers for the modelled blocks use words. ``nbytes`` is the room a block takes in
    the memory map, a multiple of 1 KB.
    """

    nbytes = 0x400

    def __init__(self) -> None:
        self.values: dict[int, int] = {}

    def reset(self) -> None:
        """Back to the state after power-up."""
        self.values.clear()

    def read(self, offset: int) -> int:
        """The value of the register at this offset."""
        return self.values.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """A write of the register at this offset."""
        self.values[offset] = value
