"""What docs/protocol.md promises about time, on the emulated board."""

import importlib.util
import os
from pathlib import Path

import pytest

from tinygen import built

SOURCE = Path(__file__).parents[1] / "benchmarks" / "protocol_overhead.py"
specification = importlib.util.spec_from_file_location("protocol_overhead", SOURCE)
benchmark = importlib.util.module_from_spec(specification)
specification.loader.exec_module(benchmark)

MODELS = Path(__file__).parent / "models"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small") / "firmware"
    return benchmark.firmware(MODELS / "fashion_cnn.tflite", "nucleo_f746", folder)


def test_input_goes_over_at_sixty_kilobytes_a_second(small):
    assert max(benchmark.input_rate(small, 50) for _ in range(3)) > 60_000


def test_what_is_counted_adds_up(small):
    overhead = benchmark.overhead(small)
    assert overhead.payload_bytes == 784 + 10
    assert 30 < overhead.sent_bytes - 784 < 60
    assert 0 < overhead.protocol_cycles < overhead.outside_cycles < overhead.inference_cycles


@pytest.mark.reference
@pytest.mark.skipif("TINYGEN_MODELS" not in os.environ, reason="TINYGEN_MODELS is not set")
def test_overhead_for_keyword_spotting(tmp_path):
    model = Path(os.environ["TINYGEN_MODELS"]) / "models" / "kws_ref_model.tflite"
    under_test = benchmark.firmware(model, "nucleo_f746", tmp_path / "firmware")
    assert isinstance(under_test, built.Built)
    overhead = benchmark.overhead(under_test)
    assert overhead.payload_bytes == 490 + 12
    assert overhead.protocol_percent < 2
    assert overhead.outside_percent < 5
    assert overhead.line_ms < overhead.inference_ms
