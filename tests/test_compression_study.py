"""The tables of benchmarks/compression.py, and that it goes on where it was killed."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


def cell(workload, seed, variant, accuracy, cycles=1000.0):
    return {
        "workload": workload,
        "seed": seed,
        "variant": variant,
        "key": "k",
        "accuracy": accuracy,
        "parameters": 10,
        "macs": 20,
        "flash_bytes": 30,
        "ram_bytes": 40,
        "cycles_modelled": cycles,
        "instructions": 50,
        "seconds": 1.0,
    }


def cells(report, workload="fashion-dscnn"):
    accuracies = {
        "float": (0.90, 0.92),
        "ptq8": (0.89, 0.90),
        "qat8": (0.91, 0.90),
        "ptq4_ranges": (0.5, 0.6),
        "ptq4": (0.80, 0.82),
        "qat4": (0.88, 0.89),
        "half": (0.90, 0.91),
        "quarter": (0.88, 0.87),
    }
    assert set(accuracies) == set(report.VARIANTS)
    return [
        cell(workload, seed, variant, value, {"half": 490.0, "quarter": 250.0}.get(variant, 1000.0))
        for variant, values in accuracies.items()
        for seed, value in enumerate(values)
    ]


def test_mean_spread_and_differences(module):
    report = module("compression_report")
    made = cells(report)
    assert report.percent([0.90, 0.92]) == "91.00 ± 1.41"
    assert report.percent([0.5]) == "50.00"
    assert report.points(made, "fashion-dscnn", "qat8", "ptq8") == pytest.approx(1.0)
    assert report.points(made, "fashion-dscnn", "qat4", "ptq4") == pytest.approx(7.5)


def test_the_page_says_what_holds_and_what_does_not(module):
    report = module("compression_report")
    page = report.markdown(cells(report), {"fashion-dscnn": "DS-CNN"}, "some_board")
    assert "| DS-CNN | 91.00 ± 1.41 | 89.50 ± 0.71 | 90.50 ± 0.71 |" in page
    assert "| DS-CNN | QAT int8 | 0.5 | +0.50 | yes |" in page
    assert "| DS-CNN | 50 % of cycles, QAT int8 | 1.0 | +0.50 | yes |" in page
    assert "| DS-CNN | 25 % of cycles, QAT int8 | 2.5 | +3.50 | no |" in page
    assert "| mean | +1.00 | +7.50 | +33.50 |" in page
    assert "490 (49 %)" in page
    assert "Number of seeds:\n2;" in page


def test_only_fashion_has_targets(module):
    report = module("compression_report")
    page = report.markdown(cells(report, "digits-cnn"), {"digits-cnn": "digits"}, "some_board")
    assert "| digits | 91.00" in page
    assert "## Targets" not in page


def test_finished_cells_survive_a_kill(module, tmp_path):
    study = module("compression")
    file = tmp_path / "cells.jsonl"
    lines = [json.dumps(cell("w", seed, "float", 0.5)) for seed in (0, 1)]
    file.write_text(lines[0] + "\n" + lines[1][:40])
    assert list(study.known(file)) == [("w", 0, "float", "k")]
    assert study.known(tmp_path / "none") == {}


def test_a_cell_hangs_on_its_recipe_and_its_network(module, tmp_path):
    study, networks = module("compression"), module("compression_networks")
    one = study.Study("digits-cnn", 0, tmp_path)
    recipes = study.recipes(networks.WORKLOADS["digits-cnn"])
    keys = {one.key(recipe) for recipe in recipes.values()}
    assert len(keys) == len(recipes)
    other = study.Study("vowels-cnn", 0, tmp_path)
    assert other.key([]) != one.key([])


def test_every_recipe_is_valid(module):
    study, networks = module("compression"), module("compression_networks")
    for work in networks.WORKLOADS.values():
        for steps in filter(None, study.recipes(work).values()):
            assert study.Recipe(step=steps).step


@pytest.mark.slow
def test_digits_are_halved_without_overlap(module):
    data = module("compression_networks").digits(None)
    assert (len(data.train), len(data.test)) == (899, 898)
    rows = np.concatenate([data.train.x, data.test.x]).reshape(1797, -1)
    from sklearn.datasets import load_digits

    everything = np.float32(load_digits().data) / 16
    assert np.array_equal(np.sort(rows.sum(axis=1)), np.sort(everything.sum(axis=1)))


def test_an_utterance_is_read_by_frames(module):
    networks = module("compression_networks")
    read = networks._utterance("1,2,3:4,5,6:7")
    assert read.shape == (networks.FRAMES, 2)
    assert read[:3].tolist() == [[1, 4], [2, 5], [3, 6]]
    assert not read[3:].any()
