"""Operators that no model file has: passes make them, kernels compute them.

Apart from that they are operators like all others, one file each, found by their folder.
"""
