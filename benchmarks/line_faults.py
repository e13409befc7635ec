"""Run inferences over a line with every kind of fault, and print the table of docs/protocol.md.

    python benchmarks/line_faults.py [--inferences N] [--rates PERCENT ...] [--write]

An emulated nucleo_f746 runs a small network; every output is compared with the reference. The
table says what each fault cost against a line without any: requests and bytes that the host sent,
and time.
"""

import argparse
import itertools
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from tinygen import boards, built, data, pipeline, reference
from tinygen.config import Build, Model, Project, Settings
from tinygen.device import emulators
from tinygen.device.ahead import infer_all
from tinygen.device.faults import Faults, FaultyTransport
from tinygen.device.session import Expected, Session
from tinygen.device.transport import SerialTransport
from tinygen.progress import Silent

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "tests" / "models" / "digits_separable.tflite"
DOCUMENT = ROOT / "docs" / "protocol.md"
KINDS = tuple(field.name for field in fields(Faults) if field.name != "longest_delay")
RATES = (1, 5, 10, 20)  # percent
BEGIN, END = "<!-- benchmarks/line_faults.py -->\n", "<!-- end -->\n"


@dataclass(frozen=True)
class Cost:
    """What some inferences took, and whether they were right."""

    inferences: int
    wrong: int
    lost: int
    faults: int
    requests: int
    nbytes: int
    seconds: float


class Rig:
    """An emulated board with a small network, and samples whose outputs are known."""

    def __init__(self, folder, emulator):
        self.built = built.read(folder)
        self.emulator = emulator
        graph = self.built.model.graph
        self.samples = data.load(MODEL.with_suffix(".npz"), graph.inputs)
        self.expected = [
            tuple(values[tensor].tobytes() for tensor in graph.outputs)
            for values in (reference.run(graph, inputs) for inputs in self.samples)
        ]

    def run(self, faults, inferences, seed):
        """What so many inferences cost on a line with these faults."""
        which = [index % len(self.samples) for index in range(inferences)]
        line = FaultyTransport(
            SerialTransport(self.emulator.url, self.built.board.console.baud),
            faults,
            seed=seed,
            restart=self.emulator.reset,
        )
        expected = Expected(self.built.model_sha256, self.built.build_id)
        started = time.monotonic()
        with Session(line, expected) as session:
            got = [inference.outputs for inference in infer_all(session, map(self.raw, which))]
        seconds = time.monotonic() - started
        right = sum(outputs == self.expected[i] for outputs, i in zip(got, which, strict=False))
        counts = vars(line.counts).values()
        statistics = session.statistics
        return Cost(
            inferences=inferences,
            wrong=len(got) - right,
            lost=inferences - len(got),
            faults=sum(counts),
            requests=statistics.requests + statistics.retries,
            nbytes=statistics.bytes_sent,
            seconds=seconds,
        )

    def raw(self, index):
        """A sample as the device takes it."""
        return self.samples.raw(index)


@contextmanager
def rig():
    """Build the network for an emulated board, and start that."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            project=Project(name="digits"),
            model=Model(path=MODEL),
            build=Build(
                board="nucleo_f746",
                kernels="tinygen",
                proof="host",
                output=Path(folder) / "firmware",
            ),
        )
        pipeline.build_firmware(settings, Silent())
        found = built.read(settings.build.output)
        with emulators.start(boards.load_board("nucleo_f746"), found.elf) as emulator:
            yield Rig(settings.build.output, emulator)


def table(bench, inferences, rates):
    """The rows of the table, headings first."""
    yield "| fault | rate | faults | wrong | lost | more requests | more bytes | more time |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    bench.run(Faults(), inferences, 0)  # the emulator translates the code when it first runs
    clean = bench.run(Faults(), inferences, 0)
    sums = [0, 0, 0]
    for seed, (kind, rate) in enumerate(itertools.product(KINDS, rates)):
        cost = bench.run(Faults(**{kind: rate / 100}), inferences, seed)
        more = [
            f"{100 * (getattr(cost, what) / getattr(clean, what) - 1):.0f} %"
            for what in ("requests", "nbytes", "seconds")
        ]
        counted = (cost.faults, cost.wrong, cost.lost)
        sums = [a + b for a, b in zip(sums, counted, strict=True)]
        yield f"| {kind} | {rate} % | {' | '.join([*map(str, counted), *more])} |"
    total = len(KINDS) * len(rates) * inferences
    yield f"| all {total:,} inferences | | {' | '.join(map(str, sums))} | | | |"


def main():
    """Print the table, and put it into the documentation where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inferences", type=int, default=100, help="of every fault and rate")
    parser.add_argument("--rates", type=float, nargs="+", default=RATES, metavar="PERCENT")
    parser.add_argument("--write", action="store_true", help="put the table into docs/protocol.md")
    options = parser.parse_args()
    rows = []
    with rig() as bench:
        for row in table(bench, options.inferences, options.rates):
            print(row, flush=True)
            rows.append(row + "\n")
    if options.write:
        text = DOCUMENT.read_text(encoding="utf-8")
        before, rest = text.split(BEGIN)
        _, after = rest.split(END)
        DOCUMENT.write_text(before + BEGIN + "".join(rows) + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
