"""From what a sensor gives to what a network takes: on arrays, and as C on the device."""
