"""The trace of an inference: which blocks ran, in order, and what they read and wrote.

An event is one 64-bit number, so that a trace is an array: kind in the top two bits, size in bytes
in the next thirty, address in the rest. The accesses of a block follow it.
"""

from __future__ import annotations

BLOCK, READ, WRITE = range(3)
_KIND, _SIZE = 62, 32
SIZE_MASK = (1 << (_KIND - _SIZE)) - 1
ADDRESS_MASK = (1 << _SIZE) - 1


def pack(kind: int, address: int, nbytes: int) -> int:
    """An event as it stands in a trace."""
    return kind << _KIND | nbytes << _SIZE | address


def unpack(event: int) -> tuple[int, int, int]:
    """Kind, address and bytes of an event."""
    return event >> _KIND, event & ADDRESS_MASK, event >> _SIZE & SIZE_MASK
