"""Which benchmark a model is for, and what the firmware of it is made of."""

import json

import mlperf_host
import pytest
from tiny_models import two_convs

from tinygen import boards
from tinygen.errors import ConfigError, InputError
from tinygen.ir import Quantization
from tinygen.mlperf_tiny import benchmarks, personality

NUCLEO = boards.load_board("nucleo_f746")
NAMES = [known.name for known in benchmarks.BENCHMARKS]


@pytest.mark.parametrize("name", NAMES)
def test_the_shapes_tell_the_benchmark(name):
    model = mlperf_host.graph(name)
    assert benchmarks.choose(model).name == name
    assert benchmarks.choose(model, name).name == name


def test_another_benchmark_than_the_one_that_is_named():
    with pytest.raises(ConfigError, match=r"'kws' is none .*ad: 640 to 640.* 'x' with 490 values"):
        benchmarks.choose(mlperf_host.graph("kws"), "ad")


def test_a_model_for_no_benchmark():
    with pytest.raises(ConfigError, match=r"kws: 490 to 12, ic: 3072 to 10, .* --personality tiny"):
        benchmarks.choose(two_convs())


def test_energy_mode_needs_a_pin():
    board = boards.load_board("mps2_an386")
    with pytest.raises(ConfigError, match="mps2_an386 has no trigger pin"):
        personality.personality(mlperf_host.graph("kws"), board, "energy")


@pytest.mark.parametrize(
    ("name", "mode", "baud", "static"),
    [
        ("kws", "performance", 115_200, 490),
        ("ad", "performance", 921_600, 3200),
        ("vww", "energy", 9600, 27_648),
    ],
)
def test_speed_and_memory(name, mode, baud, static):
    made = personality.personality(mlperf_host.graph(name), NUCLEO, mode)
    assert (made.baud, made.static_bytes) == (baud, static)


def test_scales_reach_the_compiler_without_rounding():
    third = Quantization((0.3333333432674408,), (-1,))
    source = personality.render(benchmarks.benchmark("kws"), "energy", third, third)
    assert source.count("{.scale = 0x1.5555560000000p-2f, .zero_point = -1}") == 2
    assert ".energy = true," in source


def test_the_record_is_read_back(tmp_path):
    assert personality.read(tmp_path) is None
    made = personality.personality(mlperf_host.graph("ic"), NUCLEO, "energy")
    (tmp_path / personality.RECORD).write_text(made.files[personality.RECORD])
    found = personality.required(tmp_path)
    assert (found.benchmark.name, found.mode, found.baud) == ("ic", "energy", 9600)


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "{}", json.dumps({"benchmark": "x", "mode": "energy"}), '{"benchmark": "ic"}'],
)
def test_a_damaged_record(tmp_path, text):
    (tmp_path / personality.RECORD).write_text(text)
    with pytest.raises(InputError, match=r"is damaged .* build the firmware again"):
        personality.read(tmp_path)
