"""scripts/fetch_models: what it takes, what it refuses, and that it leaves nothing in part."""

import importlib.util
import io
import os
import subprocess
import sys
import urllib.error
from importlib.machinery import SourceFileLoader
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parent.parent / "scripts" / "fetch_models"
OFFICIAL = os.environ.get("TINYGEN_MODELS")


@pytest.fixture
def script():
    loader = SourceFileLoader("fetch_models", str(SCRIPT))
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader("fetch_models", loader)
    )
    loader.exec_module(module)
    return module


def run(*arguments):
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.reference
@pytest.mark.skipif(not OFFICIAL, reason="TINYGEN_MODELS does not name the reference models")
def test_copies_once(tmp_path):
    first = run(tmp_path / "new", "--from", OFFICIAL)
    assert first.returncode == 0, first.stderr
    assert len(list((tmp_path / "new" / "models").iterdir())) == 7
    again = run(tmp_path / "new", "--from", OFFICIAL)
    assert again.stdout.count("there already") == 8


def test_another_file_of_the_same_name_is_refused(tmp_path):
    (tmp_path / "old" / "models").mkdir(parents=True)
    (tmp_path / "old" / "models" / "ad01.h5").write_bytes(b"something else")
    result = run(tmp_path / "new", "--from", tmp_path / "old")
    assert result.returncode == 2
    assert "ad01.h5 has another checksum than the reference model" in result.stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("folder", "message"), [("missing", "is not a folder"), (".", "cannot be read")]
)
def test_folders_without_models_are_refused(tmp_path, folder, message):
    result = run(tmp_path / "new", "--from", tmp_path / folder)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_without_a_network_the_other_way_is_named(script, monkeypatch, capsys):
    def refuse(url, timeout):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(script.urllib.request, "urlopen", refuse)
    with pytest.raises(SystemExit) as ended:
        script.download("https://example.org/x")
    assert ended.value.code == 2
    assert "no route to host" in capsys.readouterr().err


def test_words_are_put_together_from_their_files(script, monkeypatch):
    random = np.random.default_rng(0)
    x = random.integers(-128, 128, (200, 49, 10, 1)).astype(np.int8)
    files = {f"{script.WORDS}/w{i}.bin": x[i].tobytes() for i in range(200)}
    listing = "\n".join(f"w{i}.bin,12,{i % 12}" for i in range(250))
    files[f"{script.TINY}/evaluation/datasets/kws01/y_labels.csv"] = listing.encode()
    monkeypatch.setattr(script, "download", files.__getitem__)
    content = script.download_words()
    with np.load(io.BytesIO(content)) as arrays:
        np.testing.assert_array_equal(arrays["x"], x)
        assert arrays["y"].tolist() == [i % 12 for i in range(200)]
    assert not script.words_are_right(content)
    digest = script.sha256(x.tobytes() + bytes(i % 12 for i in range(200)))
    monkeypatch.setattr(script, "DATA_SHA256", digest)
    assert script.words_are_right(content)
    assert not script.words_are_right(content[:-100])


def test_a_file_replaces_only_when_it_is_whole(script, tmp_path):
    target = tmp_path / "models" / "x"
    script.save(target, b"whole")
    assert [path.name for path in target.parent.iterdir()] == ["x"]
    assert target.read_bytes() == b"whole"
