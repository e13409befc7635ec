"""The network with an exit of tests/models, and samples for it."""

from pathlib import Path

import numpy as np

from tinygen.compiler import compile_graph
from tinygen.cores import core
from tinygen.early_exit import decision, generate
from tinygen.frontend import tflite

MODELS = Path(__file__).parent / "models"
MODEL = MODELS / "digits_early_exit.tflite"
DATA = MODELS / "digits_early_exit.npz"
GRAPH = tflite.load(MODEL)


def samples(count):
    """Inputs of so many inferences."""
    with np.load(DATA) as file:
        return [(x.reshape(GRAPH.inputs[0].shape),) for x in file["x"][:count]]


def compiled(threshold=0.9, target="cortex-m3"):
    """The network with its exit as C, and the exit."""
    exit_ = decision.make(GRAPH, 0, threshold)
    graph = decision.ordered(GRAPH, exit_)
    return generate.added(compile_graph(graph, core(target), kernels="tinygen"), exit_), exit_
