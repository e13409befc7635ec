"""Power meters: one protocol (meter.py), one file per kind of meter, and what is made of them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tinygen.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tinygen.boards import Board
    from tinygen.config import Power
    from tinygen.device.power.meter import Meter, Trigger

KINDS = "powershield:PORT, joulescope, ppk2:PORT or modelled"
MODELLED = "modelled"
_DEFAULT_VOLTS = 3.3


def open_meter(specification: str, board: Board, trigger: Trigger) -> Meter:
    """The meter that ``powershield:PORT``, ``joulescope``, ``ppk2:PORT`` or ``modelled`` means.

    Raises ConfigError when it means none, or when the board has no trigger pin to delimit windows
    with; what the meter itself raises when it is not there.
    """
    kind, _, port = specification.partition(":")
    if (kind in ("powershield", "ppk2")) != bool(port):
        raise ConfigError(f"meter {specification!r} is not one of {KINDS}; correct it")
    if kind == MODELLED:
        from tinygen.device.power.modelled import Modelled

        return Modelled(board)
    if trigger == "pin" and board.trigger is None:
        raise ConfigError(
            f"board {board.name} has no trigger pin; let the host delimit windows with "
            "--trigger software"
        )
    if kind == "powershield":
        from tinygen.device.power.powershield import PowerShield

        return PowerShield(port, trigger)
    if kind == "ppk2":
        from tinygen.device.power.ppk2 import Ppk2

        return Ppk2(port, trigger)
    if kind == "joulescope":
        from tinygen.device.power.joulescope import Joulescope

        return Joulescope(trigger)
    raise ConfigError(f"meter {specification!r} is not one of {KINDS}; correct it")


@contextmanager
def supplying(settings: Power, board: Board, *, emulated: bool) -> Iterator[Meter | None]:
    """The meter that the settings name, which supplies the board; None where they name none.

    ``modelled`` needs no meter either; it is only checked that the board has the figures for it.
    Raises ConfigError for a meter on an emulated board, which draws no current.
    """
    if settings.meter == MODELLED:
        open_meter(MODELLED, board, settings.trigger)
    if settings.meter in (None, MODELLED):
        yield None
        return
    if emulated:
        raise ConfigError(
            f"an emulated board draws no current that {settings.meter} could measure; use "
            "--meter modelled, or a real board"
        )
    meter = open_meter(settings.meter, board, settings.trigger)
    try:
        default = board.power.volts if board.power is not None else _DEFAULT_VOLTS
        meter.supply(settings.volts or default)
        yield meter
    finally:
        meter.close()
