"""What a labgrid coordinator knows of a place: who has it, and how its board is reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pydantic

from tinygen import boards
from tinygen.errors import ConfigError, DeviceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BOARD_TAG = "board"
CONSOLE = "console"
PROBE = "probe"
"""An emulated board's place has this second port, which a real board's place has not."""
_SERIAL = "NetworkSerialPort"
_DEBUGGER = "NetworkUSBDebugger"


def tags(board: str | None, pairs: Iterable[str]) -> dict[str, str]:
    """The tags of a place by the name or an alias of its board, and by ``KEY=VALUE``.

    Raises BoardError for an unknown board, ConfigError for what is not ``KEY=VALUE``.
    """
    found = {} if board is None else {BOARD_TAG: boards.load_board(board).name}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (key and equals and value):
            raise ConfigError(f"tag {pair!r} is not KEY=VALUE, as in power_meter=yes")
        found[key] = value
    return found


class _Frozen(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="ignore", frozen=True)


class Resource(_Frozen):
    """Something that an exporter offers; ``name`` is its name in the place."""

    name: str
    cls: str
    exporter: str
    avail: bool
    params: dict[str, Any]


class Place(_Frozen):
    """A place with its tags and resources; ``holder`` is who has acquired it, None for nobody."""

    name: str
    tags: dict[str, str]
    holder: str | None
    resources: tuple[Resource, ...]

    def fits(self, tags: Mapping[str, str]) -> bool:
        """Whether the place has all of these tags; its name counts as one."""
        return tags.items() <= {**self.tags, "name": self.name}.items()

    @property
    def console(self) -> str:
        """The board's serial port as a URL for pyserial; a real one has it while it is acquired.

        Raises DeviceError that says what is wrong with the place.
        """
        return self._url(self.console_resource)

    @property
    def console_resource(self) -> Resource:
        """The serial port that is meant when a place has several; raises DeviceError likewise."""
        ports = [resource for resource in self.resources if resource.cls == _SERIAL]
        named = [resource for resource in ports if resource.name == CONSOLE]
        candidates = named or [resource for resource in ports if resource.name != PROBE]
        if len(candidates) != 1:
            how_many = "several" if candidates else "no"
            raise DeviceError(
                f"place {self.name} has {how_many} serial ports that an exporter offers now, where "
                f"one called {CONSOLE} is wanted; see `labgrid-client -p {self.name} show`, and "
                "that its exporter runs"
            )
        (resource,) = candidates
        if not resource.avail:
            raise DeviceError(
                f"{CONSOLE} of place {self.name} is not there; see that the board is plugged in at "
                f"exporter {resource.exporter}"
            )
        return resource

    @property
    def baud(self) -> int | None:
        """The speed of the serial port, where the exporter names one."""
        speed = self.console_resource.params.get("speed")
        return int(speed) if speed else None

    @property
    def probe(self) -> str | None:
        """The URL of an emulated board's probe; None for a real board."""
        for resource in self.resources:
            if resource.cls == _SERIAL and resource.name == PROBE:
                return self._url(resource)
        return None

    @property
    def has_debugger(self) -> bool:
        """Whether the exporter has a debug probe for it."""
        return any(resource.cls == _DEBUGGER for resource in self.resources)

    def _url(self, resource: Resource) -> str:
        params = resource.params
        where = f"{resource.name} of place {self.name}"
        if params.get("port") is None:
            raise DeviceError(
                f"{where} is not served by exporter {resource.exporter}; see that ser2net is "
                "installed there, and that the place is acquired"
            )
        if params.get("extra", {}).get("proxy_required"):
            raise DeviceError(
                f"{where} can only be reached through a proxy, as exporter {resource.exporter} "
                "runs with --isolated; start it without"
            )
        scheme = "socket" if params.get("protocol") == "raw" else "rfc2217"
        return f"{scheme}://{params['host']}:{params['port']}"
