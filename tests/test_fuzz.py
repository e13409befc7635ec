"""The fuzz targets, for a few seconds each; scripts/fuzz runs them for as long as one likes."""

import shutil
import subprocess

import fuzzing
import pytest

from tinygen import paths, toolchain

pytestmark = pytest.mark.skipif(
    shutil.which("gcc") is None or "clang" in toolchain.host_compiler(),
    reason="needs gcc, with its sanitizers",
)


def fuzz(executable, executions, seconds=60, seed=1):
    return subprocess.run(
        [executable, str(seed), str(executions), str(seconds)],
        cwd=executable.parent,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("target", fuzzing.targets())
def test_nothing_breaks_the_parser(target, tmp_path):
    done = fuzz(fuzzing.build(target, tmp_path), 400_000)
    assert done.returncode == 0, done.stderr
    assert "400000 executions" in done.stdout
    assert "no fault" in done.stdout


@pytest.fixture
def firmware(tmp_path):
    """A copy of what the targets are built from, to break."""
    for folder in ("protocol", "mlperf_tiny", "include"):
        shutil.copytree(paths.FIRMWARE / folder, tmp_path / "firmware" / folder)
    return tmp_path / "firmware"


@pytest.mark.parametrize(
    ("target", "file", "right", "wrong", "said"),
    [
        (
            "frames",
            "protocol/frame.c",
            "receiver->frame.bytes == FRAME_MAX_BODY",
            "receiver->frame.bytes == FRAME_MAX_BODY + 8u",
            "runtime error",
        ),
        (
            "frames",
            "protocol/commands.c",
            "bytes <= whole - offset",
            "bytes <= whole",
            "AddressSanitizer: global-buffer-overflow",
        ),
        (
            "frames",
            "protocol/frame.c",
            "receiver->too_long = false;",
            "",
            "expected: one answer to a request",
        ),
        (
            "mlperf",
            "mlperf_tiny/parser.c",
            "parser->length < PARSER_LINE_BYTES",
            "parser->length <= PARSER_LINE_BYTES + 1u",
            "runtime error",
        ),
        (
            "mlperf",
            "mlperf_tiny/monitor.c",
            "i < bytes && received < expected",
            "i < bytes",
            "AddressSanitizer: global-buffer-overflow",
        ),
        (
            "mlperf_floats",
            "mlperf_tiny/monitor.c",
            "count > received - offset",
            "count > received",
            "AddressSanitizer: global-buffer-overflow",
        ),
        (
            "mlperf",
            "mlperf_tiny/monitor.c",
            "memcpy(model.arena + model.inputs[0].offset, benchmark.prepared, benchmark.elements);",
            "",
            "expected: the right result",
        ),
    ],
)
@pytest.mark.slow
def test_what_is_wrong_is_found(firmware, tmp_path, target, file, right, wrong, said):
    path = firmware / file
    text = path.read_text()
    assert right in text
    path.write_text(text.replace(right, wrong, 1))
    done = fuzz(fuzzing.build(target, tmp_path, firmware), 2_000_000)
    assert done.returncode == 1
    assert said in done.stderr
    assert (tmp_path / "fuzz-crash.bin").exists()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_run(tmp_path):
    executable = fuzzing.build("frames", tmp_path)

    def edges(seed):
        return fuzz(executable, 20_000, seed=seed).stdout.split(", ", 1)[1]

    assert edges(7) == edges(7)
