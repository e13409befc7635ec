"""Kernels chosen by what they took on a device instead of by what a model of the core says."""
