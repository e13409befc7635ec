"""nRF52840 (Product Specification)."""

from tinygen.device.emulators.socs._nrf5 import Nrf5

MODEL = Nrf5()
