import json
import resource
import subprocess
import sys

import click
import pytest

from tinygen import cli
from tinygen.errors import BudgetError, BuildError, DeviceError, InputError

COMMANDS = cli.cli.list_commands(None)


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Run a command line in an empty folder: its exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TINYGEN_DEBUG", raising=False)

    def call(*arguments):
        code = cli.run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def all_commands():
    for name in COMMANDS:
        command = cli.cli.get_command(None, name)
        yield (name,), command
        for inner in getattr(command, "commands", {}).values():
            yield (name, inner.name), inner


def test_help_answers_at_once_and_loads_nothing_heavy():
    code = (
        "import sys; from tinygen import cli; cli.run(['--help']);"
        "heavy = {'numpy', 'jinja2', 'pydantic', 'rich', 'tensorflow', 'keras', 'unicorn'};"
        "sys.exit(f'loaded: {heavy & set(sys.modules)}' if heavy & set(sys.modules) else 0)"
    )
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        # Processor time: what else the machine does must not decide.
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(seconds) < 0.3


def test_every_command_is_there():
    assert [
        *("boards", "build", "compare", "compile", "compress", "deps", "doctor"),
        *("emulate", "flash", "mlperf", "profile", "rig", "search", "test", "tune"),
    ] == COMMANDS


@pytest.mark.parametrize("path", [path for path, _ in all_commands()], ids=" ".join)
def test_every_help_has_an_example(run, path):
    code, out, err = run(*path, "--help")
    assert code == 0
    assert f"Example: tinygen {' '.join(path)}" in out
    assert err == ""


@pytest.mark.parametrize("name", ["build", "compile", "test"])
def test_commands_that_report_write_json_junit_and_html(run, name):
    _, out, _ = run(name, "--help")
    for option in ("--json", "--junit", "--html"):
        assert option in out


@pytest.mark.parametrize(
    "arguments", [["compile", "--nonsense"], ["nonsense"], ["compile", "--kernels", "best"]]
)
def test_usage_errors_end_with_2(run, arguments):
    code, out, err = run(*arguments)
    assert code == 2
    assert out == ""
    assert "Traceback" not in err


@pytest.fixture
def failing(monkeypatch):
    """Make a command that raises what it is given."""

    def install(error):
        @click.command()
        def command():
            raise error

        monkeypatch.setattr(cli.Commands, "get_command", lambda self, ctx, name: command)

    return install


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BudgetError("arena is too large"), 1),
        (InputError("no such thing"), 2),
        (BuildError("it does not link"), 3),
        (DeviceError("it is silent"), 4),
    ],
)
def test_an_error_is_one_sentence_and_its_exit_code(run, failing, error, code):
    failing(error)
    assert run("x") == (code, "", f"tinygen: {error}\n")


def test_a_bug_is_one_sentence_too(run, failing):
    failing(KeyError("some\nthing"))
    code, out, err = run("x")
    assert code == 70
    assert out == ""
    assert err.count("\n") == 1
    assert "bug in tinygen" in err
    assert "KeyError" in err


@pytest.mark.parametrize("how", ["option", "environment"])
def test_a_traceback_is_shown_when_asked_for(run, failing, monkeypatch, how):
    failing(KeyError("thing"))
    if how == "environment":
        monkeypatch.setenv("TINYGEN_DEBUG", "1")
    code, _, err = run(*(["--debug"] if how == "option" else []), "x")
    assert code == 70
    assert "Traceback (most recent call last)" in err


def test_a_file_that_cannot_be_written_is_named(run, failing):
    failing(PermissionError(13, "Permission denied", "/root/report.json"))
    assert run("x") == (2, "", "tinygen: /root/report.json: Permission denied\n")


def test_an_interrupt_is_not_an_error_of_the_budget(run, failing):
    failing(KeyboardInterrupt())
    assert run("x")[0] == 130


def test_boards_as_json_and_as_table(run):
    code, out, _ = run("boards", "--json", "-")
    names = [entry["name"] for entry in json.loads(out)]
    assert code == 0
    assert {"nucleo_f746zg", "mps2_an386"} <= set(names)
    _, out, _ = run("boards")
    assert all(name in out for name in names)
    assert "\x1b" not in out


def test_doctor_as_json(run):
    code, out, _ = run("doctor", "--json", "-")
    findings = {entry["name"]: entry for entry in json.loads(out)}
    missing = [e for e in findings.values() if e["needed"] and not e["present"]]
    assert code == (3 if missing else 0)
    assert findings["unicorn"]["present"]


def test_doctor_says_what_to_install(run, monkeypatch):
    monkeypatch.setenv("PATH", "")
    code, out, _ = run("doctor", "--json", "-")
    findings = {entry["name"]: entry for entry in json.loads(out)}
    assert code == 3
    assert not findings["Arm compiler"]["present"]
    assert "apt install gcc-arm-none-eabi" in findings["Arm compiler"]["detail"]
    assert "apt install gcc" in findings["host compiler"]["detail"]


def test_deps_list(run, monkeypatch, tmp_path):
    monkeypatch.setenv("TINYGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TINYGEN_CMSIS_NN", raising=False)
    code, out, _ = run("deps", "list")
    assert code == 0
    assert "(not installed)" in out
    _, out, _ = run("deps", "list", "--json", "-")
    assert json.loads(out)[0]["installed"] is None


def test_a_reader_that_goes_away_is_no_error():
    command = [sys.executable, "-c", "from tinygen import cli; cli.main()", "boards", "--json", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
