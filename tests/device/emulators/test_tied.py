"""Nothing that a killed process started is left behind."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from device import images
from tinygen.device.emulators.tied import TiedProcess

SLEEP = ["sleep", "600"]


def gone(pid, within=10):
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return True  # dead, and waiting for a parent that looks after orphans
        except OSError:
            return True
        time.sleep(0.01)
    return False


def killed(code, *arguments):
    """Run Python code that prints a process number and goes on, kill it, return the number."""
    with subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    ) as process:
        pid = int(process.stdout.readline())
        assert not gone(pid, within=0.05)
        process.send_signal(signal.SIGKILL)
    return pid


def test_a_process_ends_with_the_one_that_was_killed():
    code = f"""
import time
from tinygen.device.emulators.tied import TiedProcess
tied = TiedProcess({SLEEP!r})
print(tied.pid, flush=True)
time.sleep(600)
"""
    assert gone(killed(code))


def test_it_outlives_the_thread_that_started_it():
    started = []
    thread = threading.Thread(target=lambda: started.append(TiedProcess(SLEEP)))
    thread.start()
    thread.join()
    time.sleep(0.1)
    assert not started[0].ended
    started[0].end()
    assert started[0].ended


def test_it_ends_once_and_so_does_its_watch():
    before = children()
    tied = TiedProcess(SLEEP)
    assert children() - before
    tied.end()
    tied.end()
    assert children() - before == set()


def test_it_ends_when_nobody_knows_it_any_more():
    pid = TiedProcess(SLEEP).pid
    assert gone(pid)


def children():
    with open(f"/proc/{os.getpid()}/task/{os.getpid()}/children") as file:
        return set(file.read().split())


BOARD = """
import sys, time
from pathlib import Path
from tinygen import boards
from tinygen.device import emulators
running = emulators.start(boards.load_board(sys.argv[1]), Path(sys.argv[2]))
print(running._process.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mps2_an386", "nucleo_f746zg"])
def test_no_emulated_board_is_left_behind(name):
    image = images.build(name)
    assert gone(killed(BOARD, name, image.elf))
