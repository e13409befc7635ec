"""tinygen: from a trained Keras model to measured, bit-exact Cortex-M firmware."""

__version__ = "0.1.0"
