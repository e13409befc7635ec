import pytest

from tinygen.errors import ToolchainError
from tinygen.rig import installed


@pytest.fixture
def environment(tmp_path, monkeypatch):
    monkeypatch.delenv(installed.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", "")
    programs = tmp_path / "labgrid" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "labgrid-client"):
        (programs / name).write_text("#!/bin/sh\n")
        (programs / name).chmod(0o755)
    return programs.parent


def test_it_is_found_where_the_variable_says(environment, monkeypatch):
    monkeypatch.setenv(installed.VARIABLE, str(environment))
    assert installed.find().python == environment / "bin" / "python"


def test_it_is_found_through_a_link_on_path(environment, tmp_path, monkeypatch):
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "labgrid-client").symlink_to(environment / "bin" / "labgrid-client")
    monkeypatch.setenv("PATH", str(tmp_path / "links"))
    assert installed.find().python == environment / "bin" / "python"


def test_without_it_the_error_says_how_to_install_it(environment, monkeypatch):
    with pytest.raises(ToolchainError, match=r"not found on PATH; install it.*TINYGEN_LABGRID"):
        installed.find()
    monkeypatch.setenv(installed.VARIABLE, str(environment / "bin"))
    with pytest.raises(ToolchainError, match="is no environment with labgrid"):
        installed.find()


def test_a_client_without_its_interpreter_is_refused(environment, monkeypatch):
    (environment / "bin" / "python").unlink()
    monkeypatch.setenv("PATH", str(environment / "bin"))
    with pytest.raises(ToolchainError, match="no interpreter beside it"):
        installed.find()
