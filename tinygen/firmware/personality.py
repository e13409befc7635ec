"""What a firmware speaks on its serial line.

The folder of ``firmware/`` that defines ``protocol_init`` and ``protocol_poll`` decides it; all
else of a firmware is the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Personality:
    """``folder`` holds its sources, ``files`` are what is rendered for it, by name in the project.

    ``static_bytes`` is the RAM it keeps beyond what every firmware does. ``baud`` is the speed of
    the console; None is the board's own.
    """

    folder: str
    baud: int | None = None
    static_bytes: int = 0
    files: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


TINYGEN = Personality("protocol")
