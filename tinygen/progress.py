"""Telling a person what is going on, without knowing how it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")


class Progress(Protocol):
    """What a long piece of work reports to."""

    def step(self, text: str) -> None:
        """Something new begins."""
        ...

    def track(self, items: Iterable[T], total: int, text: str) -> Iterator[T]:
        """The items, counted as they are taken."""
        ...


class Silent:
    """Progress that nobody watches."""

    def step(self, text: str) -> None:
        """Says nothing."""

    def track(self, items: Iterable[T], total: int, text: str) -> Iterator[T]:
        """Only hands the items on."""
        yield from items
