"""STM32U575 (RM0456): memory map with non-secure addresses, RCC, PWR, NVIC."""

from __future__ import annotations

from tinygen.device.emulators.peripherals.registers import Registers
from tinygen.device.emulators.peripherals.status import Follows, StatusRegisters
from tinygen.device.emulators.peripherals.usart import V2
from tinygen.device.emulators.socs._stm32 import Stm32

_RCC, _CR, _CFGR1 = 0x4602_0C00, 0x00, 0x1C
_PWR, _CR3, _VOSR, _SVMSR = 0x4602_0800, 0x08, 0x0C, 0x3C
_FLASH = 0x4002_2000
_ICACHE = 0x4003_0400
_USARTS = {
    "usart1": (0x4001_3800, 61),
    "usart2": (0x4000_4400, 62),
    "usart3": (0x4000_4800, 63),
}


def _control() -> dict[int, Registers]:
    clocks = [
        Follows(_CR, _CR, 1 << 0 | 1 << 8, 2),  # MSIS, HSI16
        Follows(_CR, _CR, 1 << 16 | 1 << 24, 1),  # HSE, PLL1
        Follows(_CFGR1, _CFGR1, 0x3, 2),  # SW -> SWS
    ]
    power = [
        Follows(_VOSR, _VOSR, 1 << 18, -4),  # BOOSTEN -> BOOSTRDY
        Follows(_SVMSR, _CR3, 1 << 1, 0),  # REGSEL -> REGS
    ]
    return {
        _RCC: StatusRegisters(clocks, initial={_CR: 0x1}),
        _PWR: StatusRegisters(power, ready={_VOSR: 1 << 15}),  # VOSRDY
        _FLASH: Registers(),
        _ICACHE: Registers(),
    }


MODEL = Stm32(0x4202_0000, 9, V2, _USARTS, _control)
