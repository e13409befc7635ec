"""What a search finds on scikit-learn's digits, and that killing it loses nothing: docs/search.md.

    python benchmarks/search.py [--trials 20] [--out build/search]

Trains a network that is larger than it has to be, then searches its compressions with
`tinygen search`, as people would: one worker is killed (SIGKILL) in the middle of a trial, two
others on the same storage do the rest. Checks that no finished trial was lost or done again, and
that the front has a point that dominates the plain int8 model. With --storage URL the study is in
that database instead of a SQLite file.
Writes the report, its picture, and search-summary.json; the space is examples/search/compress.toml.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import compression_networks as networks
import numpy as np
import optuna

from tinygen.compress import augment, training
from tinygen.compress.search import study as studies

BOARD = "nucleo_l4r5zi"
ROOT = Path(__file__).parents[1]
SPACE = ROOT / "examples" / "search" / "compress.toml"


def wide():
    """Three convolutions of 24, 48 and 64 channels."""
    import keras

    image = keras.Input((8, 8, 1))
    x = networks.convolution(image, 24, 3)
    x = networks.convolution(x, 48, 3, 2)
    return networks.classified(image, networks.convolution(x, 64, 3), 10, "digits_wide")


def prepared(folder):
    """The data and a trained network as files."""
    data, model = folder / "digits.npz", folder / "digits.keras"
    if not model.is_file():
        import keras

        digits = networks.digits(None)
        parts = {"train": digits.train, "test": digits.test}
        arrays = {f"{a}_{name}": getattr(part, a) for name, part in parts.items() for a in "xy"}
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(data, **arrays)
        keras.utils.set_random_seed(1)
        network = wide()
        plan = training.Plan(epochs=60, learning_rate=4e-3, batch=32, seed=1)
        training.fit(network, digits.fitted(network).train, plan, augment=augment.chain(["shift"]))
        network.save(model)
    return data, model


class Search:
    """Workers on one storage."""

    def __init__(self, out, trials, storage):
        self.out, self.trials = out, trials
        self.storage = storage or f"sqlite:///{out / 'study.sqlite3'}"
        self.data, self.model = prepared(out / "digits")

    def worker(self, name):
        """Start a worker in a folder of its own, in which it also logs."""
        command = [sys.executable, "-m", "tinygen", "search", self.model, "--data", self.data]
        command += ["--space", SPACE, "--board", BOARD, "--trials", str(self.trials)]
        command += ["--storage", self.storage, "-o", self.out / name]
        with (self.out / f"{name}.log").open("a") as log:
            return subprocess.Popen(command, stdout=log, stderr=log)

    def known(self):
        """All trials in the storage."""
        try:
            (name,) = optuna.get_all_study_names(self.storage)
            return optuna.load_study(study_name=name, storage=self.storage).trials
        except (ValueError, optuna.exceptions.StorageInternalError):
            return []  # no worker has got so far

    def finished(self):
        """Figures of all finished trials, by the number in the report."""
        done = [t for t in self.known() if t.state == optuna.trial.TrialState.COMPLETE]
        return {t.user_attrs[studies.NUMBER]: t.user_attrs["figures"] for t in done}

    def killed(self, process, after):
        """Kill a worker in the middle of a trial, when so many are finished; what those were."""
        while process.poll() is None:
            running = [t for t in self.known() if t.state == optuna.trial.TrialState.RUNNING]
            trained = any(self.out.glob("one/trials/*/recipe/step-1*"))
            if len(self.finished()) >= after and running and running[0].params and trained:
                time.sleep(2)
                before = self.finished()
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                return before, running[0].user_attrs.get(studies.NUMBER)
            time.sleep(0.3)
        sys.exit(f"the worker ended before it could be killed; see {self.out / 'one.log'}")


def main():
    """Search, kill, go on, check, and sum up."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "search")
    parser.add_argument("--storage", help="URL of an empty database")
    options = parser.parse_args()
    began = time.monotonic()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    search = Search(options.out.resolve(), options.trials, options.storage)
    before, interrupted = search.killed(search.worker("one"), after=options.trials // 3)
    print(f"killed in trial {interrupted}, {len(before)} finished before", flush=True)
    workers = [search.worker(name) for name in ("one", "two")]
    codes = [worker.wait() for worker in workers]
    if any(codes):
        sys.exit(f"a worker failed; see {search.out}/*.log")
    after = search.finished()
    shares = {}
    for trial in search.known():
        if trial.state == optuna.trial.TrialState.COMPLETE:
            place = Path(trial.user_attrs[studies.CLAIM]["lock"]).relative_to(search.out).parts[0]
            shares[place] = shares.get(place, 0) + 1
    last = max(
        (search.out / name / "search.json" for name in ("one", "two")),
        key=lambda path: path.stat().st_mtime,
    )
    report = json.loads(last.read_text())
    front = [t for t in report["trials"] if t["on_front"]]
    better = [t["number"] for t in front if t["dominates_plain"]]
    summary = {
        "trials": len(after),
        "finished_before_the_kill": len(before),
        "of_these_lost_or_changed": sum(after.get(n) != before[n] for n in before),
        "interrupted_trial": interrupted,
        "interrupted_trial_finished": interrupted in after,
        "finished_by_folder": shares,
        "front": [t["number"] for t in front],
        "on_front_and_dominating_plain_int8": better,
        "the_same_on_test": [t["number"] for t in front if t["dominates_plain_on_test"]],
        "seconds": round(time.monotonic() - began),
    }
    text = json.dumps(summary, indent=2)
    (search.out / "search-summary.json").write_text(text + "\n")
    print(text)
    held = (
        len(after) == options.trials
        and not summary["of_these_lost_or_changed"]
        and interrupted in after
        and len(shares) == 2
        and better
    )
    sys.exit(0 if held else "what is claimed does not hold")


if __name__ == "__main__":
    main()
