"""The stack that emulated boards take in inferences of networks, against the bound of a build."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tinygen import cli

MODELS = Path(__file__).parent / "models"
REFERENCE = ("kws_ref_model", "vww_96_int8", "pretrainedResnet_quant", "ad01_int8")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-gcc")),
        reason="qemu-system-arm or arm-none-eabi-gcc is not installed",
    ),
]


def stack(model, board, folder, *options):
    """Bytes seen, bound and reserved: of firmware that was built, and tested on an emulator."""
    report = folder / "report.json"
    common = ("--board", board, *options, "--proof", "host", "-o", folder / "fw")
    assert cli.run(["build", *map(str, (model, *common))]) == 0
    test = ("test", folder / "fw", "--emulator", "--limit", 2, "--json", report)
    assert cli.run([*map(str, test)]) == 0
    memory = json.loads(report.read_text())["memory"]
    return memory["stack_bytes"], memory["stack_bound_bytes"]


def near(seen, bound):
    """Whether a bound holds, and is no more than frames that were not met on the way above."""
    return seen <= bound <= seen + 512


@pytest.mark.parametrize(
    ("model", "board", "options"),
    [
        ("digits_separable", "mps2_an385", ("--kernels", "tinygen")),
        ("digits_separable", "mps3_an547", ("--kernels", "tinygen")),
        ("digits_autoencoder", "microbit", ("--kernels", "tinygen", "--objective", "flash")),
        ("fashion_cnn", "nucleo_f746", ("--kernels", "tinygen")),
        ("fashion_cnn", "mps2_an505", ("--kernels", "tinygen", "--objective", "ram")),
    ],
)
def test_no_board_goes_beyond_the_bound(model, board, options, tmp_path):
    seen, bound = stack(MODELS / f"{model}.tflite", board, tmp_path, *options)
    assert near(seen, bound)


@pytest.mark.reference
@pytest.mark.skipif("TINYGEN_MODELS" not in os.environ, reason="TINYGEN_MODELS is not set")
@pytest.mark.parametrize("board", ["mps2_an386", "mps3_an547"])
@pytest.mark.parametrize("name", REFERENCE)
def test_no_reference_model_goes_beyond_the_bound(name, board, tmp_path):
    model = Path(os.environ["TINYGEN_MODELS"]) / "models" / f"{name}.tflite"
    assert near(*stack(model, board, tmp_path, "--kernels", "tinygen"))
