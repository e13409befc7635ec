"""Views of benchmarks/results.json: the README's section, docs/benchmarks.md and its picture."""

import hashlib
import io
import json

from measuring import BOARDS, CORES, KERNELS, MODELS, OBJECTIVES, OWN, REFERENCE, Row

from tinygen import boards

BEGIN = "<!-- measured: python benchmarks/all.py writes what follows -->"
END = "<!-- measured: end -->"
FIGURES = {
    "instructions": "instructions",
    "cycles_modelled": "cycles, modelled",
    "flash_bytes": "flash",
    "code_bytes": "code",
    "ram_bytes": "RAM",
    "arena_bytes": "arena",
}
SPEED = ("auto", "cmsis-nn")
BLUE, GREY = "#0b6fb8", "#9a9a9a"
README = """\
Instructions of one inference of the MLPerf Tiny reference models, exact, counted in emulation while
every layer's output is compared with the reference. `auto` takes tinygen's kernels or CMSIS-NN's
layer by layer; `cmsis-nn` is CMSIS-NN wherever it has the operator. Both run the graph after
tinygen's rewrites, which halve vww.

{instructions}
![Instructions of one inference per core](docs/benchmarks.svg)

Cycles of the same inferences on boards, their wait states, prefetch and caches included. They are
modelled ([how](docs/cycle-model.md)), not measured.

{cycles}
What `--objective` trades, on a Cortex-M4 with `auto`. Bytes are exact and of the network alone:
flash is code and constants, RAM the arena and the deepest stack. For speed, a kernel may store
weights wider than they are, or transformed.

{objectives}
[Benchmarks](docs/benchmarks.md) has every model, core, source of kernels and objective.

```console
$ scripts/fetch_models models
$ TINYGEN_MODELS=models python benchmarks/all.py
```
"""


def between(document, content):
    """The document with other content between the markers, which it must have."""
    head, rest = document.split(BEGIN)
    _, tail = rest.split(END)
    return f"{head}{BEGIN}\n\n{content}\n{END}{tail}"


def table(headings, words, rows):
    """A Markdown table; all but the first ``words`` columns are figures."""
    rule = "|" + "---|" * words + "---:|" * (len(headings) - words)
    lines = (f"| {' | '.join(map(_cell, row))} |" for row in (headings, *rows))
    first, *others = lines
    return "\n".join((first, rule, *others)) + "\n"


def _cell(value):
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _title(core):
    return core.replace("cortex-m", "Cortex-M").replace("plus", "+")


def _present(rows, models):
    """Those of the models that were measured."""
    return [model for model in models if any(row.model == model for row in rows)]


def _figure(rows, name, *row):
    """One figure of a row; None where it was not measured."""
    return rows[Row(*row)][name] if Row(*row) in rows else None


def readme(rows):
    """Speed per core, cycles on boards, and what the objectives trade."""
    models = _present(rows, REFERENCE)

    def latency(name, core, kernels):
        return [_figure(rows, name, model, core, kernels, "latency") for model in models]

    instructions = [
        [_title(core), kernels, *latency("instructions", core, kernels)]
        for core in CORES
        for kernels in SPEED
    ]
    cycles = [
        [boards.load_board(board).title, kernels, *latency("cycles_modelled", core, kernels)]
        for core, board in BOARDS.items()
        for kernels in SPEED
    ]
    chosen = ("instructions", "flash_bytes", "code_bytes", "ram_bytes")
    objectives = [
        [model, goal, *(_figure(rows, name, model, "cortex-m4", "auto", goal) for name in chosen)]
        for model in models
        for goal in OBJECTIVES
    ]
    return README.format(
        instructions=table(["core", "kernels", *models], 2, instructions),
        cycles=table(["board", "kernels", *models], 2, cycles),
        objectives=table(["model", "objective", *map(FIGURES.get, chosen)], 2, objectives),
    )


def page(rows, under):
    """Every row, a table per model."""
    parts = [f"Compiled by {under['compiler']}, CMSIS-NN {under['cmsis_nn']}.\n"]
    for model in _present(rows, MODELS):
        found = [
            [_title(row.core), row.kernels, row.objective, *(rows[row][name] for name in FIGURES)]
            for row in sorted(rows, key=_place)
            if row.model == model
        ]
        headings = ["core", "kernels", "objective", *FIGURES.values()]
        parts += [f"### {model}\n", table(headings, 3, found)]
    return "\n".join(parts)


def _place(row):
    scales = (MODELS, CORES, KERNELS, OBJECTIVES)
    return [tuple(scale).index(name) for scale, name in zip(scales, row, strict=True)]


def plotted(rows):
    """What the picture shows: per model and core, instructions with each source of kernels."""
    models = _present(rows, REFERENCE) or _present(rows, OWN)

    def counts(model, core):
        return [_figure(rows, "instructions", model, core, k, "latency") for k in SPEED]

    return {
        model: {_title(core): counts(model, core) for core in CORES if all(counts(model, core))}
        for model in models
    }


def digest(rows):
    """Says whether a picture shows these rows; it stands in the file."""
    return hashlib.sha256(json.dumps(plotted(rows)).encode()).hexdigest()[:16]


def picture(rows):
    """The picture as an SVG; the same rows give the same bytes."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    models = plotted(rows)
    # Otherwise names of elements inside the file are random, and it holds the time.
    with mpl.rc_context({"svg.hashsalt": "tinygen", "svg.fonttype": "none"}):
        figure = Figure(figsize=(10, 2.6 * -(-len(models) // 2)), layout="constrained")
        panels = figure.subplots(-(-len(models) // 2), 2, squeeze=False).flat
        for axes, (model, cores) in zip(panels, models.items(), strict=False):
            _panel(axes, model, cores)
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
        figure.suptitle("Million instructions of one inference (logarithmic)")
        stream = io.BytesIO()
        metadata = {"Date": None, "Description": f"results {digest(rows)}"}
        figure.savefig(stream, format="svg", metadata=metadata)
    return stream.getvalue()


def _panel(axes, model, cores):
    for shift, (source, colour) in enumerate(zip(SPEED, (BLUE, GREY), strict=True)):
        at = [index + 0.4 * shift - 0.2 for index in range(len(cores))]
        heights = [counts[shift] / 1e6 for counts in cores.values()]
        bars = axes.bar(at, heights, width=0.38, color=colour, label=source, zorder=2)
        axes.bar_label(bars, fmt="%.3g", fontsize=7)
    axes.set_title(model)
    axes.set_yscale("log")
    axes.margins(y=0.15)
    axes.set_xticks(range(len(cores)), [core.removeprefix("Cortex-") for core in cores])
    axes.grid(axis="y", color="#e5e5e5", zorder=0)
