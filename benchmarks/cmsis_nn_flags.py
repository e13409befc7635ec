"""Count the instructions of CMSIS-NN under several compiler flags; the table of docs/cmsis-nn.md.

    python benchmarks/cmsis_nn_flags.py MODELS [--cores cortex-m4 ...]

MODELS is a folder as scripts/fetch_models makes it. Every count comes from the object code under
emulation, which is compared with the numpy reference on the way. Cortex-M55 is not among the cores
that are emulated in process: build for mps3_an547 to count there.
"""

import argparse
from pathlib import Path
from unittest import mock

from tinygen import cmsis_nn, compiler, cores
from tinygen.frontend import tflite
from tinygen.ops.sampling import stimuli
from tinygen.verify.target import on_target

MODELS = {
    "kws": "kws_ref_model.tflite",
    "vww": "vww_96_int8.tflite",
    "ic": "pretrainedResnet_quant.tflite",
    "ad": "ad01_int8.tflite",
}
ASSEMBLY = "-DCMSIS_NN_USE_REQUANTIZE_INLINE_ASSEMBLY"
VARIANTS = {
    "-O2": ("-O2",),
    "-O2, assembly": ("-O2", ASSEMBLY),
    "-O3, assembly": ("-O3", ASSEMBLY),
    "-Os, assembly": ("-Os", ASSEMBLY),
}


def instructions(compiled, flags):
    """Of one inference, with CMSIS-NN compiled so."""
    common = ("-std=gnu11", "-ffunction-sections", "-fdata-sections", "-w")
    inputs = [tuple(next(stimuli(compiled.graph.inputs, seed=1, randoms=1)))]
    with mock.patch.object(cmsis_nn, "target_flags", lambda core: (*core.flags, *flags, *common)):
        return sum(cost.instructions for cost in on_target(compiled, inputs).costs)


def main():
    """Print one row per core and model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path)
    parser.add_argument("--cores", nargs="+", default=["cortex-m3", "cortex-m4", "cortex-m33"])
    options = parser.parse_args()
    print("| core | model |", " | ".join(VARIANTS), "|")
    print("|---|---|" + "---:|" * len(VARIANTS))
    for core in options.cores:
        for name, file in MODELS.items():
            graph = tflite.load(options.models / file)
            compiled = compiler.compile_graph(
                graph, cores.core(core), kernels="cmsis-nn", cmsis_nn=True
            )
            counts = (f"{instructions(compiled, flags):,}" for flags in VARIANTS.values())
            print(f"| {core} | {name} |", " | ".join(counts), "|", flush=True)


if __name__ == "__main__":
    main()
