"""STM32 boards under unicorn: which peripherals lie where, and the board put together.

Addresses and interrupt numbers: RM0390 (F446), RM0385 (F74x), RM0432 (L4R5), memory map and NVIC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinygen.device.emulators.cortex_m import CortexM
from tinygen.device.emulators.peripherals.gpio import GpioPort
from tinygen.device.emulators.peripherals.pwr import F4F7Pwr
from tinygen.device.emulators.peripherals.rcc import F4_F7_READY, L4_READY, Rcc
from tinygen.device.emulators.peripherals.registers import Registers
from tinygen.device.emulators.peripherals.usart import V1, V2, Usart, UsartLayout
from tinygen.errors import BoardError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygen.boards import Board
    from tinygen.device.emulators.image import Image

_GPIO_PORTS = "ABCDEFGHIJK"
_GPIO_BYTES = 0x400


@dataclass(frozen=True)
class _Soc:
    """Base addresses of a family; ``usarts`` adds each one's interrupt number."""

    rcc: int
    rcc_ready: dict[int, int]
    rcc_initial: int
    pwr: type[Registers]
    flash: int
    gpio: int
    usart_layout: UsartLayout
    usarts: dict[str, tuple[int, int]]


_PWR = 0x4000_7000
_F4_F7_USARTS = {
    "usart1": (0x4001_1000, 37),
    "usart2": (0x4000_4400, 38),
    "usart3": (0x4000_4800, 39),
    "usart6": (0x4001_1400, 71),
}
_L4_USARTS = {
    "usart1": (0x4001_3800, 37),
    "usart2": (0x4000_4400, 38),
    "usart3": (0x4000_4800, 39),
    "lpuart1": (0x4000_8000, 70),
}
_F4_F7 = (0x4002_3800, F4_F7_READY, 0x83, F4F7Pwr, 0x4002_3C00, 0x4002_0000)
_SOCS = {
    "stm32f4": _Soc(*_F4_F7, V1, _F4_F7_USARTS),
    "stm32f7": _Soc(*_F4_F7, V2, _F4_F7_USARTS),
    "stm32l4": _Soc(
        0x4002_1000, L4_READY, 0x63, Registers, 0x4002_2000, 0x4800_0000, V2, _L4_USARTS
    ),
}


class Stm32:
    """An STM32 board with an image in its flash.

    ``transmit`` gets the bytes that leave the console. Raises BoardError when the board's SoC or
    console is not modelled.
    """

    def __init__(self, board: Board, image: Image, transmit: Callable[[int], None]) -> None:
        soc = _SOCS.get(board.soc)
        if soc is None or board.console.peripheral not in soc.usarts:
            raise BoardError(
                f"board {board.name}: {board.soc} with console {board.console.peripheral} cannot be"
                " emulated; use a board that `tinygen boards` lists with an emulator"
            )
        base, interrupt = soc.usarts[board.console.peripheral]
        self.console = Usart(soc.usart_layout, transmit)
        peripherals: dict[int, Registers] = {
            base: self.console,
            soc.rcc: Rcc(soc.rcc_ready, soc.rcc_initial),
            soc.flash: Registers(),
            _PWR: soc.pwr(),
        }
        trigger = re.fullmatch(r"P([A-K])(\d+)", board.trigger.pin) if board.trigger else None
        for index, letter in enumerate(_GPIO_PORTS):
            pin = int(trigger[2]) if trigger and trigger[1] == letter else None
            peripherals[soc.gpio + index * _GPIO_BYTES] = GpioPort(self._watch(pin))
        self.windows = 0
        self.cpu = CortexM(
            board.cpu,
            board.memory,
            image,
            peripherals,
            {interrupt: lambda: self.console.interrupting},
            self._close_window,
        )

    def _watch(self, trigger_pin: int | None) -> Callable[[int, bool], None]:
        """Instructions are tallied while the trigger pin is high."""

        def level_changed(pin: int, level: bool) -> None:
            if pin == trigger_pin and level:
                self.windows += 1
                self.cpu.counter.open_window()
            elif pin == trigger_pin:
                self._close_window()

        return level_changed

    def _close_window(self) -> None:
        self.cpu.counter.close_window()
