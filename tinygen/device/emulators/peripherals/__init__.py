"""Models of peripherals, one file per block, as far as tinygen's firmware uses them."""
