"""STM32L4+ (RM0432): memory map, RCC, NVIC."""

from __future__ import annotations

from tinygen.device.emulators.peripherals.registers import Registers
from tinygen.device.emulators.peripherals.status import Follows, StatusRegisters
from tinygen.device.emulators.peripherals.usart import V2
from tinygen.device.emulators.socs._stm32 import Stm32

_RCC, _CR, _CFGR = 0x4002_1000, 0x00, 0x08
_PWR = 0x4000_7000
_FLASH = 0x4002_2000
_USARTS = {
    "usart1": (0x4001_3800, 37),
    "usart2": (0x4000_4400, 38),
    "usart3": (0x4000_4800, 39),
    "lpuart1": (0x4000_8000, 70),
}


def _control() -> dict[int, Registers]:
    clocks = [
        Follows(_CR, _CR, 1 << 0 | 1 << 16 | 1 << 24, 1),  # MSI, HSE, PLL
        Follows(_CR, _CR, 1 << 8, 2),  # HSI16
        Follows(_CFGR, _CFGR, 0x3, 2),  # SW -> SWS
    ]
    return {
        _RCC: StatusRegisters(clocks, initial={_CR: 0x63}),
        _PWR: Registers(),  # VOSF means ready when it reads 0
        _FLASH: Registers(),
    }


MODEL = Stm32(0x4800_0000, 9, V2, _USARTS, _control)
