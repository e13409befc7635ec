"""Small models with the shapes of MLPerf Tiny, and firmware that runs them on this machine."""

import contextlib
import functools
import subprocess
import sys

import loopback
import numpy as np

from tinygen import compiler, cores, firmware, paths, reference, toolchain
from tinygen.ir import Graph, Node, Quantization, Tensor
from tinygen.mlperf_tiny import benchmarks, personality
from tinygen.ops.base import INT8, INT32, quantized
from tinygen.ops.fully_connected import FullyConnectedOptions

BOARD = "nucleo_f746zg"


@functools.cache
def graph(name):
    """A one-layer model for the benchmark of this name: a matrix, or for ad a RELU6."""
    known = benchmarks.benchmark(name)
    if known.floats:
        x = quantized("x", (1, known.elements), 0.125, -5)
        y = quantized("y", (1, known.outputs), 0.0625, -100)
        return Graph(name, (x,), (y,), (Node("RELU6", "relu", (x,), (y,), None),))
    x = quantized("x", (1, known.elements), 1 / 255, -128)
    y = quantized("y", (1, known.outputs), 1 / 256, -128)
    rng = np.random.default_rng(known.elements)
    shape = (known.outputs, known.elements)
    weights = Tensor(
        "w", shape, INT8, Quantization((0.001,), (0,)), rng.integers(-127, 128, shape, np.int8)
    )
    bias = Tensor(
        "b",
        shape[:1],
        INT32,
        Quantization((float(np.float32(0.001) * np.float32(1 / 255)),), (0,)),
        rng.integers(0, 100_000, shape[0]).astype(np.int32),
    )
    node = Node("FULLY_CONNECTED", "dense", (x, weights, bias), (y,), FullyConnectedOptions())
    return Graph(name, (x,), (y,), (node,))


def samples(name, count, seed=1):
    """Random int8 inputs of a model, shape (count, elements)."""
    elements = benchmarks.benchmark(name).elements
    return np.random.default_rng(seed).integers(-128, 128, (count, elements), np.int8)


def classified(model, stored):
    """What the device should print for an int8 input of a classifier."""
    values = reference.run(model, (stored.reshape(model.inputs[0].shape),))[model.outputs[0]]
    quant = model.outputs[0].quant
    real = (values.astype(np.float32) - np.float32(quant.zero_point)) * np.float32(quant.scale)
    return tuple(float(f"{value:.3f}") for value in real.ravel())


def reconstruction_error(model, floats):
    """What the device should print for the floats of one window, operation by operation."""
    given = model.inputs[0].quant
    steps = floats / np.float32(given.scale)
    away = np.trunc(steps) + np.where(np.abs(steps - np.trunc(steps)) >= 0.5, np.sign(steps), 0)
    stored = np.clip(away + given.zero_point, -128, 127).astype(np.int8)
    values = reference.run(model, (stored.reshape(model.inputs[0].shape),))[model.outputs[0]]
    quant = model.outputs[0].quant
    real = (values.astype(np.float32) - np.float32(quant.zero_point)) * np.float32(quant.scale)
    total = np.float32(0)
    for difference in real.ravel() - floats:
        total += difference * difference
    return float(f"{total / np.float32(len(floats)):.3f}")


@contextlib.contextmanager
def emulate(folder, *options):
    """A process of ``tinygen emulate``, and the first line it says."""
    command = [sys.executable, "-m", "tinygen", "emulate", folder, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process, process.stdout.readline().strip()
        process.kill()


def build(name, folder, mode="performance"):
    """Compile a device for :class:`loopback.Loopback` and return the executable."""
    model = graph(name)
    compiled = compiler.compile_graph(model, cores.core("cortex-m3"), kernels="tinygen")
    spoken = personality.render(
        benchmarks.benchmark(name), mode, model.inputs[0].quant, model.outputs[0].quant
    )
    binding = firmware.render_binding(compiled.name, 1, 1, BOARD, bytes(16), bytes(32))
    files = compiled.files | {"benchmark.c": spoken, "model.c": binding}
    for file, text in files.items():
        (folder / file).write_text(text)
    sources = [
        *sorted((paths.FIRMWARE / "mlperf_tiny").glob("*.c")),
        *sorted(loopback.HOST.glob("*.c")),
        *sorted(folder.glob("*.c")),
    ]
    folders = (paths.FIRMWARE / "include", paths.FIRMWARE / "mlperf_tiny", loopback.HOST, folder)
    executable = folder / "device"
    toolchain.run(
        [
            *(toolchain.host_compiler(), "-std=gnu11", "-g", "-O1", "-ffp-contract=off"),
            *(*toolchain.WARNINGS, *loopback.SANITIZERS),
            *(f"-I{path}" for path in folders),
            *(*sources, "-o", executable),
        ],
        f"the {name} device",
    )
    return executable
