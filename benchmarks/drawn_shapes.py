"""Where CMSIS-NN is faster: instructions of drawn layers by tinygen's kernels and by CMSIS-NN.

    python benchmarks/drawn_shapes.py [--core cortex-m4] [--ops CONV_2D ...] [--examples 60]

The layers are those of the property tests, drawn by each operator. Every count comes from the
object code under emulation, which is compared with the numpy reference on the way. Printed are, for
each operator, the ratio of all instructions and the layers where CMSIS-NN takes fewer.
"""

import argparse
import sys
from pathlib import Path

import pytest

from tinygen.cores import core
from tinygen.ops import operator
from tinygen.ops.sampling import SeededDraw, stimuli
from tinygen.selection import candidates
from tinygen.verify.target import on_target

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from batching import compile_nodes, distinct

OPS = [
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "FULLY_CONNECTED",
    "ADD",
    "MUL",
    "AVERAGE_POOL_2D",
    "MAX_POOL_2D",
]


def cheapest(node, target, provider):
    """The kernel of this provider that selection takes for latency; None without any."""
    found = candidates(node, target, (provider,))
    return min(found, key=lambda i: i.cycles).kernel if found else None


def instructions(nodes, target):
    """Of each pair of a node and a kernel, in one network."""
    with pytest.MonkeyPatch.context() as patched:
        compiled = compile_nodes(nodes, target, patched)
    inputs = [tuple(next(stimuli(compiled.graph.inputs, seed=1, randoms=1)))]
    return [cost.instructions for cost in on_target(compiled, inputs).costs]


def compare(op, target, examples):
    """(node, kernel, instructions, instructions of CMSIS-NN) per drawn layer both compute."""
    nodes = [distinct(operator(op).sample(SeededDraw(s)), f"{op}_{s}") for s in range(examples)]
    pairs = [[cheapest(n, target, p) for p in ("tinygen", "cmsis_nn")] for n in nodes]
    both = [(n, *pair) for n, pair in zip(nodes, pairs, strict=True) if None not in pair]
    ours = instructions([(n, kernel) for n, kernel, _ in both], target)
    theirs = instructions([(n, kernel) for n, _, kernel in both], target)
    return [(n, k.name, a, b) for (n, k, _), a, b in zip(both, ours, theirs, strict=True)]


def describe(node):
    """Shapes and options of a layer in a line."""
    shapes = " ".join("x".join(map(str, t.shape)) for t in node.inputs[:2] if t is not None)
    return f"{shapes} -> {'x'.join(map(str, node.output.shape))} {node.options}"


def main():
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--core", default="cortex-m4")
    parser.add_argument("--ops", nargs="+", default=OPS)
    parser.add_argument("--examples", type=int, default=60)
    options = parser.parse_args()
    for op in options.ops:
        rows = compare(op, core(options.core), options.examples)
        ours, theirs = sum(row[2] for row in rows), sum(row[3] for row in rows)
        slower = sorted((row for row in rows if row[2] > row[3]), key=lambda row: row[3] / row[2])
        print(f"{op}: {ours / theirs:.2f} of CMSIS-NN's, {len(slower)} of {len(rows)} slower")
        for node, kernel, mine, other in slower:
            print(f"  {mine / other:5.2f} {mine:8} {other:8} {kernel} {describe(node)}")


if __name__ == "__main__":
    main()
