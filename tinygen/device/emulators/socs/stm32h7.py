"""STM32H743 (RM0433), of revision V: memory map, RCC, PWR, NVIC."""

from __future__ import annotations

from tinygen.device.emulators.peripherals.registers import Registers
from tinygen.device.emulators.peripherals.status import Follows, StatusRegisters
from tinygen.device.emulators.peripherals.usart import V2
from tinygen.device.emulators.socs._stm32 import Stm32

_RCC, _CR, _CFGR = 0x5802_4400, 0x00, 0x10
_PWR, _CSR1, _D3CR = 0x5802_4800, 0x04, 0x18
_SYSCFG = 0x5800_0400
_FLASH, _ACR = 0x5200_2000, 0x00
_DBGMCU, _IDC = 0x5C00_1000, 0x00
_USARTS = {
    "usart1": (0x4001_1000, 37),
    "usart2": (0x4000_4400, 38),
    "usart3": (0x4000_4800, 39),
    "usart6": (0x4001_1400, 71),
}


def _control() -> dict[int, Registers]:
    clocks = [
        Follows(_CR, _CR, 1 << 0, 2),  # HSI
        Follows(_CR, _CR, 1 << 16 | 1 << 24, 1),  # HSE, PLL1
        Follows(_CFGR, _CFGR, 0x7, 3),  # SW -> SWS
    ]
    return {
        _RCC: StatusRegisters(clocks, initial={_CR: 0x1}),
        _PWR: StatusRegisters(ready={_CSR1: 1 << 13, _D3CR: 1 << 13}),  # ACTVOSRDY, VOSRDY
        _SYSCFG: Registers(),
        _FLASH: StatusRegisters(initial={_ACR: 0x37}),
        _DBGMCU: StatusRegisters(ready={_IDC: 0x2003_6450}),
    }


MODEL = Stm32(0x5802_0000, 11, V2, _USARTS, _control)
