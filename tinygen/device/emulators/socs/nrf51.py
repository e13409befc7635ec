"""nRF51822 (nRF51 Series Reference Manual)."""

from tinygen.device.emulators.socs._nrf5 import Nrf5

MODEL = Nrf5()
