"""The MLPerf Tiny reference models: every tensor, from the interpreter to the object code."""

import os
from pathlib import Path

import numpy as np
import pytest

from tinygen import board_cycles, firmware, oracle, reference
from tinygen.boards import load_board
from tinygen.compiler import compile_graph
from tinygen.cores import core
from tinygen.frontend import tflite
from tinygen.ops import operator
from tinygen.ops.sampling import stimuli
from tinygen.verify.host import on_host
from tinygen.verify.model import against_oracle, against_source
from tinygen.verify.target import on_target

FOLDER = os.environ.get("TINYGEN_MODELS")
MODELS = {
    "kws": "kws_ref_model.tflite",
    "vww": "vww_96_int8.tflite",
    "ic": "pretrainedResnet_quant.tflite",
    "ad": "ad01_int8.tflite",
}
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
EDGES = ((-128, 127), (127, -128))
ARENA_BYTES = {"kws": 16_000, "vww": 55_296, "ic": 49_800, "ad": 768}
LARGEST_ARENA = {
    "latency": {"kws": 16_000, "vww": 56_000, "ic": 63_000, "ad": 776},
    "ram": {"kws": 9_600, "vww": 28_000, "ic": 26_000, "ad": 776},
}
CODE_BYTES = {"latency": 24 * 1024, "flash": 10 * 1024}
INSTRUCTIONS = {"kws": 3_000_000, "vww": 5_100_000, "ic": 7_000_000, "ad": 300_000}
# The best published for the chip, by any engine (MLPerf Tiny v0.7 to v1.3).
MODELLED_CYCLES = {
    "nucleo_l4r5zi": {"kws": 5_180_000, "vww": 10_670_000, "ic": 19_800_000, "ad": 486_000},
    "nucleo_f746zg": {"kws": 3_830_000, "vww": 7_360_000, "ic": 13_300_000, "ad": 307_000},
}
pytestmark = [
    pytest.mark.reference,
    pytest.mark.skipif(
        FOLDER is None, reason="TINYGEN_MODELS does not name a folder with the reference models"
    ),
]


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    path = Path(FOLDER) / "models" / MODELS[request.param]
    return request.param, path.read_bytes(), tflite.load(path)


def extremes(shape):
    """Twenty inputs of extreme values: constants, checkerboards, stripes, single values."""
    places = np.indices(shape)
    found = [np.full(shape, value) for value in (-128, 127, 0, -1, 1, -127)]
    boards = [places.sum(axis=0) % 2, *(axis % 2 for axis in places[1:])]
    found += [np.where(board, low, high) for board in boards for low, high in EDGES]
    found += [np.where(places[-1] % n == 0, 127, -128) for n in (3, 4, 5, 7)]
    rng = np.random.default_rng(20)
    while len(found) < 20:
        found.append(np.where(rng.random(shape) < 0.5, -128, 127))
    return [(values.astype(np.int8),) for values in found[:20]]


@pytest.mark.slow
def test_every_tensor_equals_the_interpreter_and_the_generated_c(model):
    _, data, graph = model
    if not oracle.available():
        pytest.skip("tflite-micro is not installed (extra verify)")
    rng = np.random.default_rng(100)
    shape = graph.inputs[0].shape
    inputs = [(rng.integers(-128, 128, shape).astype(np.int8),) for _ in range(100)]
    inputs += extremes(shape)
    compiled = compile_graph(graph, core("cortex-m4"), kernels="tinygen")
    for first in range(0, len(inputs), 20):
        batch = inputs[first : first + 20]
        source_values = reference.run_all(graph, batch)
        values = reference.run_all(compiled.graph, batch)
        checked = against_oracle(graph, data, batch, source_values)
        assert checked.values >= 20 * sum(node.output.size for node in graph.nodes)
        against_source(graph, compiled.graph, source_values, values)
        assert on_host(compiled, batch, values).inputs == 20


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cortex-m0plus", "cortex-m3", "cortex-m7", "cortex-m33"])
def test_object_code_of_every_core_equals_the_reference(model, name):
    _, _, graph = model
    compiled = compile_graph(graph, core(name), kernels="tinygen")
    inputs = [tuple(given) for given in stimuli(graph.inputs, 7, 1)]
    assert on_target(compiled, inputs).comparison.inputs == 4


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELLED_CYCLES)
def test_cycles_with_the_memories_of_a_board(model, name):
    key, _, graph = model
    board = load_board(name)
    compiled = compile_graph(graph, board.cpu, kernels="tinygen")
    timing = board_cycles.measure(compiled, board)
    assert timing.total <= MODELLED_CYCLES[name][key]
    pipeline = board.model_copy(update={"memory_system": None})
    assert timing.total >= board_cycles.measure(compiled, pipeline, copy=False).total


def test_arena_is_proven_the_smallest(model):
    name, _, graph = model
    plan = compile_graph(graph, core("cortex-m7"), kernels="tinygen").plan
    assert plan.optimal
    assert plan.nbytes <= ARENA_BYTES[name]


@pytest.mark.parametrize("target", ["cortex-m4", "cortex-m7"])
def test_the_choice_of_kernels_makes_the_arena_small(model, target):
    name, _, graph = model
    for objective, limits in LARGEST_ARENA.items():
        compiled = compile_graph(graph, core(target), kernels="tinygen", objective=objective)
        assert compiled.plan.optimal
        assert compiled.selection.optimal
        assert compiled.plan.nbytes <= limits[name]


@pytest.mark.slow
def test_fast_code_is_small(model, tmp_path):
    """Instructions of an inference, and the code of the whole firmware, protocol included."""
    name, _, graph = model
    board = load_board("nucleo_f446re")
    compiled = compile_graph(graph, board.cpu, kernels="tinygen")
    inputs = [tuple(next(stimuli(graph.inputs, 8, 1)))]
    taken = sum(cost.instructions for cost in on_target(compiled, inputs).costs)
    assert taken <= INSTRUCTIONS[name]
    assert firmware.build(compiled, board, tmp_path, bytes(32)).code_bytes <= CODE_BYTES["latency"]


@pytest.mark.slow
def test_firmware_for_flash_is_small(model, tmp_path):
    """Code of the whole firmware, and what it adds to weights, biases and 12 bytes per channel.

    An inference takes about three times the instructions of the fastest code at most.
    """
    name, _, graph = model
    board = load_board("nucleo_f446re")
    compiled = compile_graph(graph, board.cpu, kernels="tinygen", objective="flash")
    assert compiled.selection.optimal
    image = firmware.build(compiled, board, tmp_path, bytes(32))
    layers = [layer.node for layer in compiled.layers if layer.node.op in WEIGHTED]
    weights = sum(node.input(1).size for node in layers)
    channels = sum(node.output.shape[-1] for node in layers)
    assert image.code_bytes <= CODE_BYTES["flash"], name
    assert image.flash_bytes <= weights + (4 + 12) * channels + CODE_BYTES["flash"]
    inputs = [tuple(next(stimuli(graph.inputs, 8, 1)))]
    taken = sum(cost.instructions for cost in on_target(compiled, inputs).costs)
    assert taken <= 3.1 * INSTRUCTIONS[name]


@pytest.mark.slow
def test_object_code_for_flash_equals_the_reference(model):
    _, _, graph = model
    compiled = compile_graph(graph, core("cortex-m4"), kernels="tinygen", objective="flash")
    names = {i.kernel.name for i in compiled.selection.implementations}
    assert any(name.endswith(("_compact", "_small")) for name in names)
    inputs = [tuple(given) for given in stimuli(graph.inputs, 8, 1)]
    assert on_target(compiled, inputs).comparison.inputs == 4


def test_unneeded_channels_of_the_person_detector_go():
    graph = tflite.load(Path(FOLDER) / "models" / MODELS["vww"])
    compiled = compile_graph(graph, core("cortex-m4"), kernels="tinygen")
    layers = [layer for layer in compiled.layers if layer.node.op in WEIGHTED]
    assert sum(operator(layer.node.op).macs(layer.node) for layer in layers) <= 3_733_073
    assert sum(layer.node.input(1).size for layer in layers) <= 29_286
