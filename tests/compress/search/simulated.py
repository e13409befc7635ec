"""A search whose candidates are not trained: what they give is made up from what was chosen.

    python simulated.py FOLDER STORAGE TRIALS SECONDS

works on one, taking so many seconds per trial.
"""

import sys
import time
from pathlib import Path

import numpy as np

from tinygen import boards
from tinygen.compress.dataset import Dataset, Labelled
from tinygen.compress.search import searching, trial
from tinygen.compress.search.figures import Figures
from tinygen.compress.search.space import Space
from tinygen.progress import Silent

SAMPLES = Labelled(np.zeros((4, 8, 8, 1), np.float32), np.arange(4))
BOARD = boards.load_board("nucleo_l4r5zi")
SPACE = {
    "seed": 2,
    "network": {"family": ["resnet", "ds_cnn"], "width": {"from": 0.1, "to": 1.0}, "epochs": 1},
}


def figures(candidate):
    """Wider networks take more, and get more right; how much, their seed says."""
    width = candidate.architecture.width
    luck = candidate.recipe.seed % 100 / 1000
    return Figures(
        accuracy=width / 2 + luck,
        test_accuracy=width / 2,
        cycles_modelled=1e6 * width,
        instructions=round(1e6 * width),
        latency_ms=1.0,
        energy_uj_modelled=1.0,
        ram_bytes=1000,
        flash_bytes=round(1e4 * width),
        parameters=1,
        macs=1,
    )


def search(folder, trials, space=SPACE, storage=None):
    site = trial.Site(None, Dataset(SAMPLES, SAMPLES), SAMPLES, BOARD)
    return searching.Search(Space.model_validate(space), site, trials, storage, Path(folder))


def main():
    folder, storage, trials, seconds = sys.argv[1:]

    def evaluate(candidate, site, budget, where, progress):
        time.sleep(float(seconds))
        return figures(candidate)

    trial.evaluate = evaluate
    searching.run(search(folder, int(trials), storage=storage), Silent())


if __name__ == "__main__":
    main()
