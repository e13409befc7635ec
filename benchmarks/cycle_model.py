"""Hold modelled cycles against published ones of CMSIS-NN; the table of docs/cycle-model.md.

    python benchmarks/cycle_model.py MODELS [--board nucleo_l4r5zi]

MODELS is a folder as scripts/fetch_models makes it. The published results are of microTVM calling
CMSIS-NN out of flash, so nothing is copied into fast memory here, and the graph is compiled as it
is, without tinygen's rewrites.
"""

import argparse
from pathlib import Path
from unittest import mock

from tinygen import board_cycles, boards, compiler, passes
from tinygen.frontend import tflite

MODELS = {
    "kws": "kws_ref_model.tflite",
    "vww": "vww_96_int8.tflite",
    "ic": "pretrainedResnet_quant.tflite",
    "ad": "ad01_int8.tflite",
}
# MLPerf Tiny, microTVM with CMSIS-NN on an STM32L4R5 at 120 MHz: clock times latency, in millions.
PUBLISHED = {"nucleo_l4r5zi": {"kws": 11.98, "vww": 36.1, "ic": 46.7, "ad": 1.03}}


def modelled(graph, board):
    """Million cycles: of the pipeline alone, with code and constants in flash, with hot copies."""
    with mock.patch.object(passes, "apply", lambda graph: graph):
        compiled = compiler.compile_graph(graph, board.cpu, kernels="cmsis-nn", cmsis_nn=True)
    alone = board.model_copy(update={"memory_system": None})
    runs = ((alone, False), (board, False), (board, True))
    return [board_cycles.measure(compiled, on, copy=copy).total / 1e6 for on, copy in runs]


def main():
    """Print one row per model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path)
    parser.add_argument("--board", choices=PUBLISHED, default="nucleo_l4r5zi")
    options = parser.parse_args()
    board = boards.load_board(options.board)
    print("| million cycles | published | pipeline alone | from flash | error | hot copies |")
    print("|---|" + "---:|" * 5)
    for name, published in PUBLISHED[board.name].items():
        graph = tflite.load(options.models / "models" / MODELS[name])
        pipeline, flash, copied = modelled(graph, board)
        error = f"{100 * (flash / published - 1):+.0f} %"
        figures = f"{pipeline:.2f} | {flash:.2f} | {error} | {copied:.2f}"
        print(f"| {name} | {published} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
