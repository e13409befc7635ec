"""Counts of instructions are as benchmarks/results.json says, and documents show what it says."""

import importlib
import itertools
import shutil
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
sys.path.insert(0, str(FOLDER))
measuring = importlib.import_module("measuring")
guard = importlib.import_module("guard")
report = importlib.import_module("measured_report")
sys.path.remove(str(FOLDER))

ROWS, UNDER = measuring.read()
QUICK = ("digits_autoencoder", "digits_separable")
ROW = measuring.Row("digits_separable", "cortex-m4", "tinygen", "latency")


@pytest.fixture
def comparable():
    """Skip where other tools make other code."""
    here = measuring.conditions()
    if here["compiler"] != UNDER["compiler"]:
        pytest.skip(f"counts are for {UNDER['compiler']}, here is {here['compiler']}")
    return here


def check(here, core, rows):
    """Nothing has moved in these rows, but for those that this machine cannot run."""
    if core == "cortex-m55" and shutil.which("qemu-system-arm") is None:
        pytest.skip("qemu-system-arm is not installed")
    if here["cmsis_nn"] != UNDER["cmsis_nn"]:
        rows = [row for row in rows if row.kernels == "tinygen"]
    assert rows
    sentences = list(guard.moved({row: ROWS[row] for row in rows}))
    assert not sentences, "\n".join(sentences)


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4", "cortex-m7", "cortex-m33"])
def test_small_models_take_the_instructions_that_are_stored(comparable, core):
    check(comparable, core, [measuring.Row(model, core, "tinygen", "latency") for model in QUICK])


@pytest.mark.slow
@pytest.mark.parametrize("core", measuring.CORES)
@pytest.mark.parametrize("model", measuring.OWN)
def test_all_rows_of_a_model_take_the_instructions_that_are_stored(comparable, model, core):
    check(comparable, core, [row for row in ROWS if (row.model, row.core) == (model, core)])


@pytest.mark.slow
@pytest.mark.reference
@pytest.mark.parametrize(
    "core", ["cortex-m0plus", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55"]
)
@pytest.mark.parametrize("model", measuring.REFERENCE)
def test_reference_models_take_the_instructions_that_are_stored(comparable, model, core):
    if measuring.model_file(model) is None:
        pytest.skip("TINYGEN_MODELS does not name a folder with the reference models")
    check(comparable, core, [measuring.Row(model, core, "tinygen", "latency")])


def test_a_slower_kernel_is_noticed(comparable):
    stored = {ROW: {"instructions": round(ROWS[ROW]["instructions"] / 1.02)}}
    (sentence,) = guard.moved(stored)
    assert sentence.startswith("digits_separable cortex-m4 tinygen latency: ")
    assert "make it as fast as it was" in sentence


@pytest.mark.parametrize(
    ("counted", "told"),
    [
        (100_000, None),
        (101_000, None),
        (99_000, None),
        (101_001, "100,000 -> 101,001 instructions (+1.0 %); make it as fast as it was, or store"),
        (98_999, "100,000 -> 98,999 instructions (-1.0 %); store that it is faster: python"),
    ],
)
def test_more_than_a_percent_has_to_be_stored(counted, told):
    sentence = guard.verdict(ROW, 100_000, counted)
    assert sentence is None if told is None else told in sentence
    assert told is None or sentence.endswith(
        "benchmarks/all.py --models digits_separable --cores cortex-m4 "
        "--kernels tinygen --objectives latency"
    )


def test_every_row_is_stored():
    assert set(ROWS) == set(
        itertools.starmap(
            measuring.Row,
            itertools.product(
                measuring.MODELS, measuring.CORES, measuring.KERNELS, measuring.OBJECTIVES
            ),
        )
    )
    assert measuring.text(ROWS, UNDER) == measuring.RESULTS.read_text()


@pytest.mark.parametrize("path", ["README.md", "docs/benchmarks.md"])
def test_documents_show_what_is_stored(path):
    document = (measuring.ROOT / path).read_text()
    content = report.readme(ROWS) if path == "README.md" else report.page(ROWS, UNDER)
    assert report.between(document, content) == document


def test_the_picture_shows_what_is_stored():
    picture = (measuring.ROOT / "docs" / "benchmarks.svg").read_text()
    assert f"results {report.digest(ROWS)}" in picture


@pytest.mark.slow
def test_the_same_results_give_the_same_picture():
    pytest.importorskip("matplotlib")
    assert report.picture(ROWS) == report.picture(dict(reversed(ROWS.items())))


def test_figures_that_are_not_known_are_not_shown_as_numbers():
    few = {row: figures for row, figures in ROWS.items() if row.core != "cortex-m7"}
    assert "| Cortex-M7 | auto | - |" in report.readme(few)
    assert "Cortex-M7" not in report.plotted(few)["kws"]
