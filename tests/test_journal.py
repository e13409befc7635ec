"""Tests that are broken off go on, and end with the report of one that was not."""

import contextlib
import os
import pty
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import tty
from pathlib import Path
from urllib.parse import urlparse

import built_loopback
import numpy as np
import pytest
from built_loopback import GRAPH, MODEL, REPORT

from tinygen import built, cli, data, journal
from tinygen.progress import Silent
from tinygen.report.run import Figures

SAMPLES = data.random(GRAPH.inputs, 60)
MODELS = Path(__file__).parent / "models"


@pytest.fixture
def folder(tmp_path):
    np.savez(tmp_path / "samples.npz", x=SAMPLES.inputs[0][:, 0], y=np.zeros(60, int))
    return built_loopback.folder(tmp_path)


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    with built_loopback.device(tmp_path_factory.mktemp("device")) as url:
        yield url


class Said(Silent):
    def __init__(self):
        self.steps = []

    def step(self, text):
        self.steps.append(text)


@contextlib.contextmanager
def opened(folder, journaling=None, samples=SAMPLES, progress=None):
    journaling = journaling or journal.Journaling()
    under_test = built.read(folder)
    with journaling.open(folder, under_test, samples, "board", progress or Silent()) as kept:
        yield kept


def test_answers_and_figures_are_there_again(folder):
    figures = Figures("unicorn", instructions=7, layers={"a": 3})
    with opened(folder) as kept:
        assert kept.figures is None
        kept.record_figures(figures)
        kept.record(3, [b"three", b""])
        kept.record(1, [b"one", b"1"])
    said = Said()
    with opened(folder, progress=said) as kept:
        assert kept.answered == {1: (b"one", b"1"), 3: (b"three", b"")}
        assert kept.figures == figures
    assert "going on after 2 of 60 samples" in said.steps[0]


def test_a_test_that_breaks_off_says_that_it_can_go_on(folder):
    said = Said()

    def test():
        with opened(folder, progress=said) as kept:
            kept.record(0, [b""])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        test()
    assert said.steps == ["broken off after 1 of 60 samples; the same command goes on from there"]


def test_a_journal_is_removed_when_its_test_has_ended(folder):
    journaling = journal.Journaling()
    with opened(folder, journaling):
        assert list(folder.glob("journal-*"))
    journaling.finish()
    assert not list(folder.glob("journal-*"))


def test_other_data_another_build_or_device_have_journals_of_their_own(folder):
    other_data = data.Samples((SAMPLES.inputs[0][:59],))
    labelled = data.Samples(SAMPLES.inputs, np.zeros(60, np.int64))
    for samples in (SAMPLES, other_data, labelled):
        with opened(folder, samples=samples) as kept:
            assert kept.answered == {}
            kept.record(0, [b"x"])
    built.write(folder, MODEL, REPORT.updated(build_id="ff" * 16))
    with opened(folder) as kept:
        assert kept.answered == {}
    assert len(list(folder.glob("journal-*.sqlite"))) == 4


def test_a_journal_of_another_build_that_is_named_is_refused(folder, device, capsys):
    file = folder / "named.sqlite"
    with opened(folder, journal.Journaling(file)) as kept:
        kept.record(0, [b"wrong"])
    arguments = ["test", str(folder), "--port", device, "--limit", "60", "--journal", str(file)]
    built.write(folder, MODEL, REPORT.updated(build_id="ff" * 16))
    assert cli.run(arguments) == 2
    said = capsys.readouterr().err
    assert f"{file} is the journal of another build (0001020304050607 instead of ffff" in said
    built.write(folder, MODEL, REPORT)
    assert cli.run([*arguments, "--no-resume"]) == 0
    assert not file.exists()


def test_a_test_can_begin_afresh(folder):
    with opened(folder) as kept:
        kept.record_figures(Figures("board"))
        kept.record(0, [b"old"])
    with opened(folder, journal.Journaling(resume=False)) as kept:
        assert kept.answered == {}
        assert kept.figures is None
        kept.record(0, [b"new"])
    with opened(folder) as kept:
        assert kept.answered == {0: (b"new",)}


def test_what_is_no_journal_is_left_alone(folder, device, capsys):
    arguments = ["test", str(folder), "--port", device, "--journal"]
    (folder / "text").write_text("not a database " * 100)
    assert cli.run([*arguments, str(folder / "text")]) == 2
    assert "exists and is not a journal" in capsys.readouterr().err
    assert (folder / "text").read_text().startswith("not a database")
    assert cli.run([*arguments, str(folder / "absent" / "file")]) == 2
    assert "cannot write" in capsys.readouterr().err


def test_two_tests_at_once(folder):
    said = Said()
    with opened(folder) as first:
        first.record(0, [b"first"])
        with opened(folder, progress=said) as second:
            assert second.answered == {}
            second.record(0, [b"second"])
    assert said.steps == ["keeping no journal: another process runs the same test"]
    with opened(folder) as kept:
        assert kept.answered == {0: (b"first",)}
        with (
            pytest.raises(journal.ConfigError, match="is in use by another test"),
            opened(folder, journal.Journaling(next(folder.glob("journal-*.sqlite")))),
        ):
            pass


def test_a_disk_that_is_full_is_one_sentence(folder, monkeypatch):
    def full(self, sample, outputs):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(journal.Journal, "record", full)
    with (
        pytest.raises(journal.ConfigError, match=r"cannot write .*disk is full"),
        opened(folder) as kept,
    ):
        kept.record(0, [b""])


class Cable:
    """A pty whose far end is a device on a TCP port, until so many bytes have come back."""

    def __init__(self, url, answer_bytes):
        self._left = answer_bytes
        self._ours, theirs = pty.openpty()
        tty.setraw(theirs)
        self.port = os.ttyname(theirs)
        self._theirs = theirs
        self._device = socket.create_connection(("127.0.0.1", urlparse(url).port))
        self._threads = [threading.Thread(target=t) for t in (self._requests, self._answers)]
        for thread in self._threads:
            thread.start()

    def _requests(self):
        with contextlib.suppress(OSError):
            while data := os.read(self._ours, 4096):
                self._device.sendall(data)

    def _answers(self):
        while self._left > 0 and (data := self._device.recv(min(64, self._left))):
            os.write(self._ours, data)
            self._left -= len(data)
        os.close(self._theirs)
        os.close(self._ours)
        self._device.close()

    def pull(self):
        self._device.shutdown(socket.SHUT_RDWR)

    def join(self):
        for thread in self._threads:
            thread.join()


def test_a_line_that_vanishes_and_returns(folder, device, capsys):
    arguments = ["test", str(folder), "--data", str(folder / "samples.npz"), "--json"]
    assert cli.run([*arguments, str(folder / "whole.json"), "--port", device]) == 0
    capsys.readouterr()
    broken = Cable(device, 4000)
    assert cli.run([*arguments, str(folder / "parts.json"), "--port", broken.port]) == 4
    broken.join()
    said = capsys.readouterr().err
    assert "broke off" in said
    assert "the same command goes on from there" in said
    assert not (folder / "parts.json").exists()
    back = Cable(device, 1 << 30)
    assert cli.run([*arguments, str(folder / "parts.json"), "--port", back.port]) == 0
    back.pull()
    back.join()
    assert "going on after" in capsys.readouterr().err
    assert (folder / "parts.json").read_bytes() == (folder / "whole.json").read_bytes()
    assert not list(folder.glob("journal-*"))


@pytest.mark.slow
def test_a_host_that_is_killed_again_and_again(tmp_path):
    model = MODELS / "digits_separable.tflite"
    tinygen = [sys.executable, "-m", "tinygen"]
    build = ["build", model, "--board", "nucleo_f746", "--kernels", "tinygen", "--proof", "host"]
    subprocess.run([*tinygen, *build, "-o", tmp_path / "fw"], check=True, capture_output=True)
    test = [*tinygen, "test", tmp_path / "fw", "--emulator", "--data", model.with_suffix(".npz")]

    def run(name, **options):
        return subprocess.run(
            [*test, "--json", tmp_path / name], capture_output=True, text=True, **options
        )

    run("whole.json", check=True)
    taken_up = []
    for _ in range(2):
        with subprocess.Popen([*test, "--json", tmp_path / "parts.json"]) as process:
            written = bytes_written(tmp_path / "fw")
            while bytes_written(tmp_path / "fw") < written + 100_000 and process.poll() is None:
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        assert not (tmp_path / "parts.json").exists()
        file = next((tmp_path / "fw").glob("journal-*.sqlite"))
        with contextlib.closing(sqlite3.connect(file)) as database:
            taken_up.append(database.execute("SELECT count(*) FROM answers").fetchone()[0])
    assert 0 < taken_up[0] < taken_up[1] < 200
    last = run("parts.json", check=True)
    assert f"going on after {taken_up[1]} of" in last.stderr
    assert (tmp_path / "parts.json").read_bytes() == (tmp_path / "whole.json").read_bytes()
    assert not list((tmp_path / "fw").glob("journal-*"))


def bytes_written(folder):
    """Bytes in the write-ahead log of the journal: every commit makes it longer."""
    return sum(path.stat().st_size for path in folder.glob("journal-*.sqlite-wal"))
