"""Building CMSIS-NN: the cache, concurrent builds, and what is said when something is missing."""

import threading

import pytest

from tinygen import cmsis_nn, cores, deps
from tinygen.errors import BuildError, ToolchainError


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A library of two sources that tinygen takes for CMSIS-NN, with an empty cache."""
    root = tmp_path / "upstream"
    (root / "Include").mkdir(parents=True)
    (root / "Source" / "Part").mkdir(parents=True)
    (root / "Include" / "arm_nnfunctions.h").write_text("int arm_one(void);\n")
    (root / "Source" / "Part" / "arm_one.c").write_text(
        '#include "arm_nnfunctions.h"\nint arm_one(void) { return 1; }\n'
    )
    (root / "Source" / "Part" / "arm_two_f32.c").write_text("#error floating point\n")
    monkeypatch.setenv(deps.ENVIRONMENT, str(root))
    monkeypatch.setenv("TINYGEN_CACHE", str(tmp_path / "cache"))
    deps._described.cache_clear()
    return root


def built_folders(tmp_path):
    return sorted(path.name for path in (tmp_path / "cache" / "cmsis-nn" / "built").iterdir())


def test_library_is_compiled_once_and_leaves_nothing_else(tree, tmp_path):
    first = cmsis_nn.library(None)
    stamp = first.stat().st_mtime_ns
    assert cmsis_nn.library(None) == first
    assert first.stat().st_mtime_ns == stamp
    assert built_folders(tmp_path) == [first.parent.name]
    assert [path.name for path in first.parent.iterdir()] == [cmsis_nn.LIBRARY]


def test_integer_sources_are_taken_and_floating_point_is_left_out(tree):
    assert [path.name for path in cmsis_nn.recipe(None).sources] == ["arm_one.c"]


def test_another_version_is_another_library(tree):
    first = cmsis_nn.library(None)
    (tree / "Include" / "arm_nnfunctions.h").write_text("int arm_one(void);\n/* newer */\n")
    deps._described.cache_clear()
    assert cmsis_nn.library(None) != first


def test_concurrent_builds_agree(tree, tmp_path):
    found, barrier = [], threading.Barrier(4)

    def build():
        barrier.wait()
        found.append(cmsis_nn.library(None))

    threads = [threading.Thread(target=build) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
    assert found[0].read_bytes().startswith(b"!<arch>")
    assert built_folders(tmp_path) == [found[0].parent.name]


def test_source_that_does_not_compile_is_named(tree, tmp_path):
    (tree / "Source" / "Part" / "arm_one.c").write_text("int arm_one(void) { return nothing; }\n")
    with pytest.raises(BuildError, match=r"arm_one\.c.*nothing"):
        cmsis_nn.library(None)
    assert built_folders(tmp_path) == []


def test_missing_cmsis_nn_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.delenv(deps.ENVIRONMENT, raising=False)
    monkeypatch.setenv("TINYGEN_CACHE", str(tmp_path))
    with pytest.raises(ToolchainError, match="deps install cmsis-nn"):
        cmsis_nn.library(cores.core("cortex-m4"))


@pytest.mark.parametrize("core", cores.CORES.values(), ids=lambda core: core.name)
def test_assembly_is_for_cores_that_can_encode_it(core):
    has_assembly = "-DCMSIS_NN_USE_REQUANTIZE_INLINE_ASSEMBLY" in cmsis_nn.target_flags(core)
    assert has_assembly == (core.arch != "armv6-m")
    assert set(core.flags) < set(cmsis_nn.target_flags(core))
