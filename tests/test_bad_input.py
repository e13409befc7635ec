"""Whatever is wrong with the input: one sentence, the documented exit code, nothing written."""

import os

import pytest
from tiny_models import two_convs

from tinygen import cli
from tinygen.tflite_format.writer import write

MODEL = write(two_convs())


@pytest.fixture
def refused(capsys, tmp_path, monkeypatch):
    """Run a command line that must fail, in a folder with a model; return what it said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TINYGEN_DEBUG", raising=False)
    (tmp_path / "model.tflite").write_bytes(MODEL)

    def call(code, *arguments):
        before = sorted(tmp_path.rglob("*"))
        assert cli.run([str(argument) for argument in arguments]) == code
        captured = capsys.readouterr()
        assert captured.out == ""
        *progress, sentence = captured.err.splitlines()
        assert sentence.startswith("tinygen: ")
        assert not [line for line in progress if "Traceback" in line]
        assert sorted(tmp_path.rglob("*")) == before
        return sentence

    return call


CORE = ["--core", "cortex-m4", "--kernels", "tinygen"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["model.tflite", "--board", "nucleo_f764", "-o", "out"], "did you mean nucleo_f746"),
        (["model.tflite", "--core", "cortex-m99", "-o", "out"], "'cortex-m99' is not known"),
        (["model.tflite", "-o", "out"], "no target is given"),
        (["model.tflite", *CORE], "no output folder is given"),
        ([*CORE, "-o", "out"], "no model is given"),
        (["absent.tflite", *CORE, "-o", "out"], "absent.tflite"),
        ([".", *CORE, "-o", "out"], "cannot read the model"),
        (["model.tflite", *CORE, "-o", "model.tflite"], "is not a folder"),
        (["model.tflite", *CORE, "-o", "."], "was not written by tinygen"),
        (["model.tflite", *CORE, "-o", "out", "--name", "1st"], "option --name"),
        (["model.tflite", *CORE, "-o", "out", "--name", "int"], "'int' cannot prefix"),
        (["model.tflite", *CORE, "-o", "out", "--calibration", "c.npz"], "quantized already"),
        (["model.keras", *CORE, "-o", "out"], "--calibration FILE.npz"),
        (["model.tflite", *CORE, "-o", "out", "--config", "absent.toml"], "absent.toml"),
        (["model.tflite", *CORE, "--board", "nucleo_f746", "-o", "out"], "name only one"),
    ],
)
def test_compile_refuses(refused, arguments, said):
    assert said in refused(2, "compile", *arguments)


@pytest.mark.parametrize("length", [0, 1, 7, 8, 100, len(MODEL) // 2, len(MODEL) - 1])
def test_a_truncated_model_is_refused(refused, tmp_path, length):
    (tmp_path / "model.tflite").write_bytes(MODEL[:length])
    refused(2, "compile", "model.tflite", *CORE, "-o", "out")


def test_a_missing_host_compiler_is_named(refused, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    said = refused(3, "compile", "model.tflite", *CORE, "-o", "out", "--proof", "host")
    assert "apt install gcc" in said


def test_a_missing_arm_compiler_is_named(refused, monkeypatch):
    monkeypatch.setenv("TINYGEN_GCC_PREFIX", "absent-arm-")
    said = refused(3, "compile", "model.tflite", *CORE, "-o", "out")
    assert "absent-arm-gcc was not found" in said


def test_cmsis_nn_that_is_not_there_is_named(refused, tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGEN_CACHE", str(tmp_path / "empty"))
    monkeypatch.delenv("TINYGEN_CMSIS_NN", raising=False)
    said = refused(
        3, "compile", "model.tflite", "--core", "cortex-m4", "--kernels", "cmsis-nn", "-o", "out"
    )
    assert "tinygen deps install cmsis-nn" in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_named(refused, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    said = refused(2, "compile", "model.tflite", *CORE, "-o", "closed/out", "--proof", "host")
    assert "closed" in said


def test_a_failed_build_leaves_the_last_one(refused, tmp_path, monkeypatch, capsys):
    arguments = ["compile", "model.tflite", *CORE, "-o", "out", "--proof", "host"]
    assert cli.run(arguments) == 0
    capsys.readouterr()
    kept = (tmp_path / "out" / "network.c").read_bytes()
    (tmp_path / "model.tflite").write_bytes(MODEL[:500])
    refused(2, *arguments)
    assert (tmp_path / "out" / "network.c").read_bytes() == kept


def test_an_arena_over_its_budget_ends_with_1_after_the_report(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.tflite").write_bytes(MODEL)
    (tmp_path / "tinygen.toml").write_text("[budget]\narena_bytes = 1\n")
    arguments = ["compile", "model.tflite", *CORE, "-o", "out", "--proof", "host"]
    assert cli.run([*arguments, "--json", "report.json", "--junit", "junit.xml"]) == 1
    captured = capsys.readouterr()
    assert "arena_bytes is 180, over its budget of 1 by 179" in captured.err
    assert 'failures="1"' in (tmp_path / "junit.xml").read_text()
    assert (tmp_path / "report.json").read_text() == (tmp_path / "out" / "report.json").read_text()
