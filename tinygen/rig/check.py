"""Whether the places of a coordinator can be used."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tinygen import boards
from tinygen.device.session import Session
from tinygen.device.transport import SerialTransport
from tinygen.errors import DeviceError, NoDeviceError, TinygenError
from tinygen.rig.place import BOARD_TAG

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tinygen.progress import Progress
    from tinygen.rig.coordinator import Coordinator
    from tinygen.rig.place import Place

_FREE_SECONDS = 10  # for a place that was free a moment ago


@dataclass(frozen=True)
class Finding:
    """What there is to say of a place.

    ``console`` is where its board was asked, ``answer`` what it said that it runs; None where it
    was not asked or did not answer. ``faults`` are sentences.
    """

    place: str
    tags: dict[str, str]
    holder: str | None
    console: str | None
    answer: str | None
    faults: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The fields, for a file."""
        return asdict(self) | {"faults": list(self.faults)}


def check(
    coordinator: Coordinator, tags: Mapping[str, str], progress: Progress, *, greet: bool
) -> tuple[Finding, ...]:
    """Look at every place with these tags; with ``greet`` also acquire free ones and say hello.

    Raises NoDeviceError when there is no coordinator, or no such place.
    """
    progress.step(f"asking {coordinator.address}")
    places = [place for place in coordinator.places() if place.fits(tags)]
    if not places:
        what = " ".join(f"{key}={value}" for key, value in tags.items()) or "a name"
        raise NoDeviceError(
            f"the coordinator at {coordinator.address} has no place with {what}; "
            "`tinygen rig places` says how to make one"
        )
    return tuple(_look(coordinator, place, progress, greet=greet) for place in places)


def _look(coordinator: Coordinator, place: Place, progress: Progress, *, greet: bool) -> Finding:
    faults = [*_tag_faults(place)]
    console = answer = None
    try:
        place.console_resource  # noqa: B018 - it raises what is wrong
        if greet and place.holder is None and not faults:
            with coordinator.hold({"name": place.name}, progress, wait=_FREE_SECONDS) as held:
                console = held.console
                answer = _hello(held)
    except TinygenError as error:
        faults.append(str(error))
    return Finding(place.name, place.tags, place.holder, console, answer, tuple(faults))


def _tag_faults(place: Place) -> list[str]:
    name = place.tags.get(BOARD_TAG)
    if name is None:
        return [
            f"place {place.name} has no tag {BOARD_TAG}; set it with "
            f"`labgrid-client -p {place.name} set-tags {BOARD_TAG}=NAME`"
        ]
    try:
        boards.load_board(name)
    except TinygenError as error:
        return [f"place {place.name}: {error}"]
    return []


def _hello(place: Place) -> str:
    """What the board of an acquired place says it runs."""
    board = boards.load_board(place.tags[BOARD_TAG])
    with Session(SerialTransport(place.console, place.baud or board.console.baud)) as session:
        hello = session.hello()
    if hello.board != board.name:
        raise DeviceError(
            f"place {place.name} is tagged {BOARD_TAG}={board.name}, but its board says it is "
            f"{hello.board}; correct the tag, or the wiring"
        )
    return f"{hello.board} with model {hello.model_sha256.hex()[:12]}"
