"""A device that runs a small committed network: emulated, or a real board behind a port."""

import hashlib
from pathlib import Path

import pytest

from tinygen import data, passes, pipeline
from tinygen.config import Build, Model, Project, Settings
from tinygen.hil import target
from tinygen.progress import Silent

MODELS = Path(__file__).parents[1] / "tests" / "models"
MODEL = MODELS / "digits_separable.tflite"


@pytest.fixture(scope="session")
def dut_target(request):
    """The device that the options name; an emulated nucleo_f746zg where they name none."""
    option = request.config.option
    named = (option.tinygen_board, option.tinygen_hardware_map, option.tinygen_firmware)
    if not any((*named, option.tinygen_rig)):
        return target.choose("nucleo_f746zg", emulator=True)
    return request.getfixturevalue("dut_target")


@pytest.fixture(scope="session")
def dut_firmware(request, dut_target, tmp_path_factory):
    """The folder that --firmware names; without it the network is built for the board."""
    named = request.config.option.tinygen_firmware
    if named is not None:
        return named
    settings = Settings(
        project=Project(name="digits"),
        model=Model(path=MODEL),
        build=Build(
            board=dut_target.board.name,
            kernels="tinygen",
            output=tmp_path_factory.mktemp("hil") / "firmware",
        ),
    )
    pipeline.build_firmware(settings, Silent())
    return settings.build.output


@pytest.fixture
def samples(dut):
    """Labelled samples of the committed network; random ones without labels for another."""
    if dut.built.model_sha256 == hashlib.sha256(MODEL.read_bytes()).digest():
        return data.load(MODEL.with_suffix(".npz"), dut.graph.inputs, 100)
    return data.random(dut.graph.inputs, 100)


@pytest.fixture
def compiled_graph(dut):
    """The graph whose layers run on the device: the model after all rewrites."""
    return passes.apply(dut.graph)
