import os
import signal

import pytest

from tinygen import isolated
from tinygen.errors import DataError


def test_calls_return_values_and_raise_errors():
    assert isolated.call(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        isolated.call(divmod, 7, 0)
    with pytest.raises(DataError, match="no such thing"):
        isolated.call(refuse, "no such thing")


def refuse(message):
    raise DataError(message)


def test_it_is_another_process_and_kept():
    first = isolated.call(os.getpid)
    assert first != os.getpid()
    assert isolated.call(os.getpid) == first


def test_what_a_library_prints_does_not_disturb():
    assert isolated.call(os.write, 1, b"noise") == 5


def test_a_crash_is_told_and_the_next_call_works():
    with pytest.raises(isolated.Crashed):
        isolated.call(os.kill, isolated.call(os.getpid), signal.SIGSEGV)
    assert isolated.call(abs, -1) == 1
