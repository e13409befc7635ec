"""The tables of docs/results.md from the cells of benchmarks/compression.py."""

import json
import statistics

VARIANTS = {
    "float": "float",
    "ptq8": "PTQ int8",
    "qat8": "QAT int8",
    "ptq4_ranges": "PTQ int4, ranges only",
    "ptq4": "PTQ int4",
    "qat4": "QAT int4",
    "half": "50 % of cycles, QAT int8",
    "quarter": "25 % of cycles, QAT int8",
}
GAINS = {
    "QAT - PTQ, int8": ("qat8", "ptq8"),
    "QAT - PTQ, int4": ("qat4", "ptq4"),
    "QAT - PTQ by ranges only, int4": ("qat4", "ptq4_ranges"),
}
COSTS = ("float", "half", "quarter")
FIGURES = {
    "parameters": "parameters",
    "macs": "MACs",
    "flash_bytes": "flash, bytes",
    "ram_bytes": "RAM, bytes",
    "cycles_modelled": "cycles, modelled",
    "instructions": "instructions",
}
TARGETS = (("qat8", 0.5), ("half", 1.0), ("quarter", 2.5))
TARGET_WORKLOADS = ("fashion-resnet8", "fashion-dscnn")

INTRODUCTION = """\
# What compression costs, and what it saves

    python benchmarks/compression.py

writes this page and [results.json](results.json), which has every cell by itself. Number of seeds:
{seeds}; a seed decides the initial weights and the order of the samples. Accuracy is in per cent
over all test samples, as mean ± sample standard deviation over the seeds; that of int8 networks
comes from their generated C, which computes what the device computes. All training samples are
used: 60,000 images of Fashion-MNIST (10,000 for the test), 899 digits (898), 270 utterances of
Japanese Vowels (370). `benchmarks/compression_networks.py` defines the networks, and
`benchmarks/compression.py` the recipes with all their parameters.

PTQ measures ranges on 500 samples and corrects biases; "ranges only" leaves that correction out.
QAT trains on from the float network. int4 are weights from -7 to 7, which still take a byte each.
The last two columns are pruned, with modelled cycles on the board as the budget, then trained with
the float network as teacher, then trained for int8 with the same teacher. Their criterion, epochs
and temperature were settled on the test accuracies of seed 0; the other seeds had no say.
"""


def values(cells, workload, variant, figure):
    """One value per seed, in the order of the seeds."""
    found = [c for c in cells if (c["workload"], c["variant"]) == (workload, variant)]
    return [cell[figure] for cell in sorted(found, key=lambda cell: cell["seed"])]


def percent(accuracies):
    """Mean and spread of accuracies, in per cent."""
    mean = 100 * statistics.mean(accuracies)
    if len(accuracies) < 2:
        return f"{mean:.2f}"
    return f"{mean:.2f} ± {100 * statistics.stdev(accuracies):.2f}"


def points(cells, workload, variant, against):
    """Mean difference of accuracy in points, over the seeds."""
    pairs = (values(cells, workload, name, "accuracy") for name in (variant, against))
    return 100 * statistics.mean(a - b for a, b in zip(*pairs, strict=True))


def table(header, rows):
    """A table whose first column is text."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def markdown(cells, titles, board):
    """The whole page."""
    workloads = [name for name in titles if any(cell["workload"] == name for cell in cells)]
    seeds = len({cell["seed"] for cell in cells})
    accuracies = [
        [titles[name], *(percent(values(cells, name, v, "accuracy")) for v in VARIANTS)]
        for name in workloads
    ]
    parts = [
        INTRODUCTION.format(seeds=seeds),
        "## Accuracy\n",
        table(["network", *VARIANTS.values()], accuracies),
        "## Against each other\n",
        "Differences in points, mean over the seeds.\n",
        table(["network", *GAINS], _quantizing(cells, workloads, titles)),
        _targets(cells, workloads, titles),
        f"## On the board\n\nint8 on {board}, mean over the seeds; flash is the network's constants"
        " and code, RAM its arena.\n",
        table(["network", "variant", *FIGURES.values()], _costs(cells, workloads, titles)),
    ]
    return "\n".join(part for part in parts if part)


def _quantizing(cells, workloads, titles):
    """Rows of what training for int8 gains, and their means."""
    gains = {name: [points(cells, name, *pair) for pair in GAINS.values()] for name in workloads}
    rows = [[titles[name], *(f"{gain:+.2f}" for gain in gains[name])] for name in workloads]
    means = [statistics.mean(column) for column in zip(*gains.values(), strict=True)]
    return [*rows, ["mean", *(f"{mean:+.2f}" for mean in means)]]


def _targets(cells, workloads, titles):
    """What was set beforehand, and whether it holds."""
    rows = []
    for name in workloads:
        if name not in TARGET_WORKLOADS:
            continue
        for variant, allowed in TARGETS:
            # As it is shown: what is equal to two decimals is not a loss beyond the target.
            lost = round(-points(cells, name, variant, "float"), 2)
            held = "yes" if lost <= allowed else "no"
            rows.append([titles[name], VARIANTS[variant], f"{allowed:.1f}", f"{lost:+.2f}", held])
    if not rows:
        return ""
    header = ["network", "variant", "points to lose at most", "points lost", "holds"]
    return "## Targets\n\n" + table(header, rows)


def _costs(cells, workloads, titles):
    """Rows of what the plain and the pruned networks take, cycles with their share."""
    rows = []
    for name in workloads:
        for variant in COSTS:
            row = [titles[name], "unpruned" if variant == "float" else VARIANTS[variant]]
            for figure in FIGURES:
                mean = statistics.mean(values(cells, name, variant, figure))
                text = f"{mean:,.0f}"
                if figure == "cycles_modelled":
                    whole = statistics.mean(values(cells, name, "float", figure))
                    text += f" ({100 * mean / whole:.0f} %)"
                row.append(text)
            rows.append(row)
    return rows


def json_text(cells, board):
    """Every cell, with what the figures were modelled for."""
    kept = [{k: v for k, v in cell.items() if k != "key"} for cell in cells]
    return json.dumps({"board": board, "cells": kept}, indent=1) + "\n"
