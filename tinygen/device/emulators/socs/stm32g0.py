"""STM32G0B1 and G0C1 (RM0444): memory map, RCC, NVIC."""

from __future__ import annotations

from tinygen.device.emulators.peripherals.registers import Registers
from tinygen.device.emulators.peripherals.status import Follows, StatusRegisters
from tinygen.device.emulators.peripherals.usart import V2
from tinygen.device.emulators.socs._stm32 import Stm32

_RCC, _CR, _CFGR = 0x4002_1000, 0x00, 0x08
_PWR = 0x4000_7000
_FLASH, _ACR = 0x4002_2000, 0x00
_USARTS = {
    "usart1": (0x4001_3800, 27),
    "usart2": (0x4000_4400, 28),
    "usart3": (0x4000_4800, 29),
    "lpuart1": (0x4000_8000, 29),
}


def _control() -> dict[int, Registers]:
    clocks = [
        Follows(_CR, _CR, 1 << 16 | 1 << 24, 1),  # HSE, PLL
        Follows(_CR, _CR, 1 << 8, 2),  # HSI16
        Follows(_CFGR, _CFGR, 0x7, 3),  # SW -> SWS
    ]
    return {
        _RCC: StatusRegisters(clocks, initial={_CR: 0x500}),
        _PWR: Registers(),  # VOSF means ready when it reads 0
        _FLASH: StatusRegisters(initial={_ACR: 0x4_0600}),
    }


MODEL = Stm32(0x5000_0000, 6, V2, _USARTS, _control)
