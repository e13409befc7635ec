"""TensorFlow's import, without its chatter."""

import importlib.util
import os
import subprocess
import sys

import pytest

from tinygen.compress import backend


def test_only_information_is_kept_back(capfd):
    with backend._without_chatter():
        os.write(2, b"I0000 00:00:17 port.cc:153] oneDNN custom operations are on.\nno such file\n")
    os.write(2, b"I0000 afterwards\n")
    assert capfd.readouterr().err == "no such file\nI0000 afterwards\n"


def test_an_error_keeps_what_was_printed_before_it(capfd):
    def fail():
        with backend._without_chatter():
            os.write(2, b"libfoo.so: cannot open shared object file\n")
            raise ImportError

    with pytest.raises(ImportError):
        fail()
    assert capfd.readouterr().err == "libfoo.so: cannot open shared object file\n"


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None,
    reason="TensorFlow is not installed (extra 'train')",
)
def test_the_import_is_silent():
    code = "from tinygen.compress.backend import tensorflow; print(tensorflow().constant(2.0) + 1)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0
    assert "3.0" in done.stdout
    assert done.stderr == ""
