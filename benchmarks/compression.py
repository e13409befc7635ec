"""What compression costs in accuracy and saves on the board: the study in docs/results.md.

    python benchmarks/compression.py [--seeds 3] [--only fashion-resnet8 ...]

Trains every network from every seed, compresses each by every recipe, and writes docs/results.md
and docs/results.json. Finished cells are kept in build/compression/cells.jsonl and not computed
again, so a run that was killed goes on; changing a recipe or a network computes its cells anew.
Accuracies are over all test samples; those of int8 networks are computed by their generated C.
"""

import argparse
import gc
import hashlib
import inspect
import json
import os
import shutil
import sys
import time
from pathlib import Path

import compression_networks as networks
from compression_report import json_text, markdown

from tinygen import boards
from tinygen.compress import cost, steps
from tinygen.compress.recipe import Recipe

BOARD = "nucleo_l4r5zi"
ROOT = Path(__file__).parents[1]
TEACHER = {"temperature": 2.0, "weight": 0.5}


def recipes(work):
    """The columns: name to steps, for a network that is trained."""
    tune, batch = work.tuning, {"batch": work.batch, "augment": work.augment}
    qat = {"do": "qat", "epochs": tune, "learning_rate": work.qat_rate, **batch}
    ptq = {"do": "ptq", "correct_bias": True}

    def pruned(to, epochs):
        return [
            {
                "do": "prune",
                "to": to,
                "criterion": "taylor",
                "epochs": epochs,
                "learning_rate": work.learning_rate,
                "distill": TEACHER,
                **batch,
            },
            {**qat, "distill": TEACHER},
        ]

    return {
        "float": [],
        "ptq8": [ptq],
        "qat8": [qat],
        "ptq4_ranges": [{"do": "ptq", "weight_bits": 4}],
        "ptq4": [{**ptq, "weight_bits": 4}],
        "qat4": [{**qat, "weight_bits": 4}],
        "half": pruned(0.5, 3 * tune),
        "quarter": pruned(0.25, 5 * tune),
    }


class Lines:
    """Progress for a log."""

    def step(self, text):
        """One line."""
        print(f"  {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)

    def track(self, items, total, text):
        """Only hands the items on."""
        yield from items


class Study:
    """One workload from one seed."""

    def __init__(self, name, seed, cache):
        self.name, self.seed, self.cache = name, seed, cache
        self.workload = networks.WORKLOADS[name]
        self.base = cache / f"{name}-{seed}-{self.key([])}.keras"

    def key(self, recipe):
        """A digest of everything that a cell depends on but the seed."""
        work = self.workload
        sources = [inspect.getsource(part) for part in (work.build, work.data)]
        text = repr(
            (sources, work.epochs, work.learning_rate, work.batch, work.augment, recipe, BOARD)
        )
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def work(self, data, folder):
        """What the steps need."""
        board = boards.load_board(BOARD)
        return steps.Work(self.name, data, board, self.seed, self.trained, folder, Lines())

    def trained(self):
        """The float network."""
        import keras

        return keras.saving.load_model(self.base)

    def train(self, data):
        """Train the float network, unless that has been done."""
        import keras

        if self.base.is_file():
            return
        work = self.workload
        keras.utils.set_random_seed(self.seed)
        model = work.build()
        training = {
            "do": "train",
            "epochs": work.epochs,
            "learning_rate": work.learning_rate,
            "batch": work.batch,
            "augment": work.augment,
        }
        (step,) = Recipe(seed=self.seed, step=[training]).step
        steps.apply(step, steps.State(model), self.work(data, self.base.with_suffix("")))
        scratch = self.base.with_name("new.keras")
        model.save(scratch)
        os.replace(scratch, self.base)

    def cell(self, variant, recipe, data):
        """Accuracy and cost of one variant."""
        import keras

        # What was traced before holds a copy of its training samples.
        keras.backend.clear_session()
        gc.collect()
        started = time.time()
        data = data.fitted(self.workload.build())
        self.train(data)
        state = steps.State(self.trained())
        work = self.work(data, self.cache / f"{self.name}-{self.seed}-{variant}-{self.key(recipe)}")
        for number, step in enumerate(Recipe(step=recipe).step if recipe else ()):
            folder = work.folder / str(number)
            state = steps.apply(step, state, self.work(data, folder))
        shutil.rmtree(work.folder, ignore_errors=True)
        figures = cost.measure(state.graph or state.model, BOARD)
        return {
            "workload": self.name,
            "seed": self.seed,
            "variant": variant,
            "key": self.key(recipe),
            "accuracy": steps.accuracy(state, data.test),
            "parameters": int(state.model.count_params()),
            "macs": figures.macs,
            "flash_bytes": figures.flash_bytes,
            "ram_bytes": figures.ram_bytes,
            "cycles_modelled": figures.cycles_modelled,
            "instructions": figures.instructions,
            "seconds": round(time.time() - started, 1),
        }


def known(file):
    """Finished cells; a line that was cut off when the run was killed is none."""
    cells = {}
    for line in file.read_text().splitlines() if file.is_file() else ():
        try:
            cell = json.loads(line)
        except ValueError:
            continue
        cells[cell["workload"], cell["seed"], cell["variant"], cell["key"]] = cell
    return cells


def main():
    """Compute what is missing, and write both files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=networks.WORKLOADS, metavar="WORKLOAD")
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "compression")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="folder for the results")
    parser.add_argument("--threads", type=int, default=1, help="of TensorFlow")
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    options.cache.mkdir(parents=True, exist_ok=True)
    file = options.cache / "cells.jsonl"
    cells, loaded, taken = known(file), {}, []
    for seed in range(options.seeds):
        for name in options.only or networks.WORKLOADS:
            study = Study(name, seed, options.cache)
            source = study.workload.data
            for variant, recipe in recipes(study.workload).items():
                identity = (name, seed, variant, study.key(recipe))
                if identity not in cells:
                    if source not in loaded:
                        loaded[source] = source(options.cache)
                    print(f"{name}, seed {seed}: {variant}", file=sys.stderr, flush=True)
                    cells[identity] = study.cell(variant, recipe, loaded[source])
                    with file.open("a") as stream:
                        stream.write(json.dumps(cells[identity]) + "\n")
                    print(f"  accuracy {cells[identity]['accuracy']:.4f}", file=sys.stderr)
                taken.append(cells[identity])
    titles = {name: work.title for name, work in networks.WORKLOADS.items()}
    (options.out / "results.json").write_text(json_text(taken, BOARD))
    (options.out / "results.md").write_text(markdown(taken, titles, BOARD))


if __name__ == "__main__":
    main()
