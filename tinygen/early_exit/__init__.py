"""Networks with an early exit: when it is taken, and the C that stops there."""
