"""A trial belongs to its worker until that is gone."""

import os
import signal
import subprocess
import sys

import pytest

from tinygen.compress.search import claims

HOLD = """
import sys, time, json
from pathlib import Path
from tinygen.compress.search import claims
with claims.held(Path(sys.argv[1])) as claim:
    print(json.dumps(claim), flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other(tmp_path):
    """Another process that holds a claim, and the claim."""
    import json

    command = [sys.executable, "-c", HOLD, tmp_path / "0001.lock"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process, json.loads(process.stdout.readline())
        process.kill()


def test_a_claim_is_inherited_when_its_worker_is_killed(other, tmp_path):
    process, claim = other
    with claims.inherited(claim) as left:
        assert not left
    with claims.held(tmp_path / "0001.lock") as mine:
        assert mine is None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with claims.inherited(claim) as left:
        assert left
        with claims.inherited(claim) as too:
            assert not too


@pytest.mark.parametrize("change", [{"host": "elsewhere"}, {"token": "another"}, {"lock": "/none"}])
def test_claims_of_other_machines_are_left_alone(tmp_path, change):
    with claims.held(tmp_path / "lock") as claim:
        pass
    with claims.inherited(claim) as left:
        assert left
    with claims.inherited({**claim, **change}) as left:
        assert not left
    with claims.inherited(None) as left:
        assert not left
