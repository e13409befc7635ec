"""Emulated boards that run the very image a real board would get."""
