"""Measure every model, core, source of kernels and objective, and write what documents show.

    TINYGEN_MODELS=models python benchmarks/all.py
    python benchmarks/all.py --models digits_separable --cores cortex-m4
    python benchmarks/all.py --only-write

Writes benchmarks/results.json, the sections between markers of README.md and docs/benchmarks.md,
and docs/benchmarks.svg. Rows that were not measured stay as they are stored; so do those of the
MLPerf Tiny reference models where TINYGEN_MODELS names no folder with them (scripts/fetch_models
makes one). The same commit, compiler and CMSIS-NN give the same files, byte for byte.
"""

import argparse
import itertools
import sys
import time

import measured_report
import measuring
from measuring import CORES, KERNELS, MODELS, OBJECTIVES, ROOT, Row

from tinygen.errors import TinygenError


def measure(wanted, rows, under):
    """Measure the wanted rows into ``rows``, and store them model by model."""
    meter = measuring.Meter()
    for _, of_model in itertools.groupby(wanted, key=lambda row: row.model):
        for row in of_model:
            started = time.monotonic()
            rows[row] = row._asdict() | meter.figures(row)
            took = time.monotonic() - started
            counted = f"{rows[row]['instructions']:,} instructions ({took:.1f} s)"
            print(f"{' '.join(row)}: {counted}", file=sys.stderr, flush=True)
        measuring.RESULTS.write_text(measuring.text(rows, under))


def write(rows, under):
    """Everything that is made of the results."""
    readme, page = ROOT / "README.md", ROOT / "docs" / "benchmarks.md"
    for path, content in (
        (readme, measured_report.readme(rows)),
        (page, measured_report.page(rows, under)),
    ):
        path.write_text(measured_report.between(path.read_text(), content))
    (ROOT / "docs" / "benchmarks.svg").write_bytes(measured_report.picture(rows))


def main():
    """Measure what is asked for, and write the documents."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, known in (
        ("models", MODELS),
        ("cores", CORES),
        ("kernels", KERNELS),
        ("objectives", OBJECTIVES),
    ):
        parser.add_argument(f"--{name}", nargs="+", choices=known, default=known, metavar="NAME")
    parser.add_argument("--only-write", action="store_true", help="measure nothing")
    options = parser.parse_args()
    under = measuring.conditions()
    rows, before = measuring.read() if measuring.RESULTS.is_file() else ({}, under)
    if options.only_write:
        write(rows, before)
        return
    missing = [name for name in options.models if measuring.model_file(name) is None]
    if missing:
        print(f"not measured: {', '.join(missing)} (see TINYGEN_MODELS)", file=sys.stderr)
    models = [name for name in options.models if name not in missing]
    wanted = [
        Row(*names)
        for names in itertools.product(models, options.cores, options.kernels, options.objectives)
    ]
    if before != under and set(rows) - set(wanted):
        sys.exit(
            f"benchmarks/results.json was measured with {before}, and this machine has {under}; "
            "measure everything, with TINYGEN_MODELS set"
        )
    try:
        measure(wanted, rows, under)
    except TinygenError as error:
        sys.exit(f"{error}")
    write(rows, under)


if __name__ == "__main__":
    main()
