"""Build and measure the MLPerf Tiny reference models, and print the table that the README shows.

    python benchmarks/reference_models.py MODELS [--boards NAME ...] [--kernels auto ...]

MODELS is a folder as scripts/fetch_models makes it. Every figure comes from the report of
``tinygen test`` on the emulated board, so every row has been compared with the reference, too.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

MODELS = {
    "kws": "kws_ref_model.tflite",
    "vww": "vww_96_int8.tflite",
    "ic": "pretrainedResnet_quant.tflite",
    "ad": "ad01_int8.tflite",
}
COLUMNS = {
    "instructions": ("run", "instructions"),
    "cycles, modelled": ("run", "cycles_modelled"),
    "flash": ("memory", "flash_bytes"),
    "weights": ("memory", "weights_bytes"),
    "RAM": ("memory", "ram_bytes"),
    "arena": ("memory", "arena_bytes"),
}


def tinygen(*arguments):
    """Run tinygen; what it says about its progress stays on standard error."""
    command = [sys.executable, "-m", "tinygen", *map(str, arguments)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def measured(model, board, kernels, inputs):
    """The report of one model on one emulated board."""
    with tempfile.TemporaryDirectory() as folder:
        firmware, report = Path(folder) / "firmware", Path(folder) / "report.json"
        options = ("--board", board, "--kernels", kernels, "--proof", "host")
        tinygen("build", model, *options, "-o", firmware)
        tinygen("test", firmware, "--emulator", "--limit", inputs, "--json", report)
        return json.loads(report.read_text())


def main():
    """Print one row per model, board and choice of kernels."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path)
    parser.add_argument("--boards", nargs="+", default=["nucleo_f746", "nucleo_l4r5"])
    parser.add_argument("--kernels", nargs="+", default=["auto"])
    parser.add_argument("--inputs", type=int, default=3, help="random inputs that are compared")
    options = parser.parse_args()
    print("| model | board | kernels |", " | ".join(COLUMNS), "|")
    print("|---|---|---|" + "---:|" * len(COLUMNS))
    for name, file in MODELS.items():
        for board in options.boards:
            for kernels in options.kernels:
                path = options.models / "models" / file
                report = measured(path, board, kernels, options.inputs)
                figures = (report[section][field] for section, field in COLUMNS.values())
                cells = ("-" if value is None else f"{value:,}" for value in figures)
                print(f"| {name} | {report['board']} | {kernels} |", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
