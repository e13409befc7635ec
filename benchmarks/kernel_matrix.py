"""Every kernel on every core: object code under QEMU against the numpy reference, and its stack.

    python benchmarks/kernel_matrix.py [--cores cortex-m4 ...] [--nodes 8] [--write]

Layers are drawn from the domain of every kernel (tests/kernel_cases.py), compiled with the flags of
production for latency and for size, and run on the board that QEMU has for the core. Fails when a
kernel has no case on a core, a byte differs, or the stack goes beyond its bound.
"""

import argparse
import sys
from collections import defaultdict
from pathlib import Path

from tinygen import deps
from tinygen.cores import CORES
from tinygen.kernels import kernels

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from kernel_cases import cases
from qemu_matrix import run

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "kernel-matrix.md"
OBJECTIVES = ("latency", "flash")
LAYERS = 350
"""Of one image, so that it fits into the 512 KB of code that the Cortex-M55's board has."""

INTRODUCTION = """\
# Kernel matrix

Written by `python benchmarks/kernel_matrix.py --write`; do not edit it.

Every kernel as object code of every core it is for, run by QEMU and compared byte for byte with the
numpy reference. The shapes are drawn from the domain that the kernel states. There are up to
{nodes} layers each with weights, biases and scales as they are drawn, with weights and biases
saturated (all lowest, all highest, alternating), and with multipliers and shifts of all sizes. Each
is compiled with the flags for latency (-O2) and for size (-Os), and given random inputs, the lowest
values, the highest ones, and a checkerboard of both. Bytes of the arena that are neither output nor
scratch must stay as they were.

QEMU has no Cortex-M0+; its Cortex-M0 runs the code that was compiled for it.

{inferences:,} inferences of {layers:,} layers were compared, with {wrong:,} mismatches.

## Inferences compared

A dash is a core that the kernel is not for.

{compared}

## Stack

Bytes that a call of a layer takes at most: the bound over every path through the object code
(tinygen/stack_bound.py), the largest of the shapes and flags that were drawn. The stack that was
seen was never deeper than the bound of its layer; it came as near as {nearest} bytes to it.

{stack}
"""


def measure(chosen, nodes):
    """Outcomes by kernel and core."""
    drawn = {kernel.name: cases(kernel, nodes) for kernel in kernels().values()}
    outcomes = defaultdict(list)
    for core in chosen:
        todo = [
            (node, kernel)
            for kernel in kernels().values()
            for node in drawn[kernel.name].get(core.name, ())
        ]
        for objective in OBJECTIVES:
            for first in range(0, len(todo), LAYERS):
                part = todo[first : first + LAYERS]
                where = f"{core.name} for {objective}"
                print(f"{where}: {first + len(part)} of {len(todo)} layers", file=sys.stderr)
                for outcome in run(part, core, seed=first, objective=objective):
                    outcomes[outcome.kernel, core.name].append(outcome)
    wanted = {(k, c.name) for k, found in drawn.items() for c in chosen if c.name in found}
    missing = wanted - outcomes.keys() | {
        (k, "any core") for k, found in drawn.items() if not found
    }
    return outcomes, sorted(missing)


def table(outcomes, chosen, cell):
    """A row per kernel and a column per core."""
    head = f"| kernel | {' | '.join(core.name.removeprefix('cortex-') for core in chosen)} |"
    rows = [head, "|---|" + "---:|" * len(chosen)]
    for name in kernels():
        found = [outcomes.get((name, core.name)) for core in chosen]
        rows.append(f"| {name} | {' | '.join(cell(c) if c else '-' for c in found)} |")
    return "\n".join(rows)


def compared(found):
    """Inferences, and how many of them differed."""
    wrong = sum(outcome.wrong for outcome in found)
    return f"{sum(o.inferences for o in found):,}" + (f" ({wrong:,} wrong)" if wrong else "")


def page(outcomes, chosen, nodes):
    """The page of the documentation."""
    everything = [outcome for found in outcomes.values() for outcome in found]
    return INTRODUCTION.format(
        nodes=nodes,
        layers=len(everything),
        inferences=sum(outcome.inferences for outcome in everything),
        wrong=sum(outcome.wrong for outcome in everything),
        compared=table(outcomes, chosen, compared),
        nearest=min(outcome.stack_bound - outcome.stack_bytes for outcome in everything),
        stack=table(outcomes, chosen, lambda found: str(max(o.stack_bound for o in found))),
    )


def main():
    """Print the matrix, or write it into the documentation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", nargs="+", default=list(CORES), choices=CORES)
    parser.add_argument("--nodes", type=int, default=8, help="layers of every kind for a kernel")
    parser.add_argument("--write", action="store_true", help=f"to {PAGE.relative_to(ROOT)}")
    options = parser.parse_args()
    if deps.cmsis_nn() is None:
        parser.error("CMSIS-NN is not installed; run 'tinygen deps install cmsis-nn'")
    if options.write and options.cores != list(CORES):
        parser.error("the page has all cores; leave out --cores")
    chosen = [CORES[name] for name in options.cores]
    outcomes, missing = measure(chosen, options.nodes)
    text = page(outcomes, chosen, options.nodes)
    if options.write:
        PAGE.write_text(text)
    else:
        print(text)
    everything = [outcome for found in outcomes.values() for outcome in found]
    wrong = {o.kernel for o in everything if o.wrong}
    deep = {o.kernel for o in everything if o.stack_bytes > o.stack_bound}
    for what, found in (("no case", missing), ("wrong bytes", wrong), ("over its bound", deep)):
        if found:
            print(f"{what}: {', '.join(map(str, sorted(found)))}", file=sys.stderr)
    return 1 if missing or wrong or deep else 0


if __name__ == "__main__":
    sys.exit(main())
