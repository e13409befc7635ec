"""Which kernel computes each node: an optimisation problem, and its exact solution."""
