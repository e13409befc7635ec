"""Windows of a series, and normalization fitted to training data."""

import tomllib

import numpy as np
import pytest

from tinygen import config
from tinygen.errors import DataError
from tinygen.preprocess.samples import normalization, windows

RNG = np.random.default_rng(1)


def test_windows_begin_every_hop_frames_and_are_whole():
    series = np.arange(22).reshape(11, 2)
    cut = windows(series, 4, 3)
    assert cut.shape == (3, 4, 2)
    assert cut[:, 0, 0].tolist() == [0, 6, 12]
    assert cut[2].tolist() == series[6:10].tolist()
    assert windows(series, 11, 5).tolist() == [series.tolist()]
    assert windows(series, 2, 4)[:, 0, 0].tolist() == [0, 8, 16]


@pytest.mark.parametrize(
    ("length", "hop", "what"), [(12, 1, "no window of 12"), (0, 1, "at least")]
)
def test_windows_that_do_not_exist_are_refused(length, hop, what):
    with pytest.raises(DataError, match=what):
        windows(np.zeros((11, 2)), length, hop)


def test_normalization_gives_mean_zero_and_deviation_one_per_channel():
    raw = (RNG.normal(0, 1, (50, 20, 3)) * [3, 800, 20] + [-5, 12, 9000]).astype(np.int16)
    real = normalization(raw).real(raw)
    assert real.dtype == np.float32
    np.testing.assert_allclose(real.mean(axis=(0, 1)), 0, atol=1e-3)
    np.testing.assert_allclose(real.std(axis=(0, 1)), 1, atol=1e-3)


def test_normalization_is_written_as_settings(tmp_path):
    fitted = normalization(RNG.normal(3, 2, (9, 2)))
    file = tmp_path / "tinygen.toml"
    file.write_text(fitted.toml("int16"))
    settings = config.load(file=file).preprocess
    assert (settings.raw, settings.scale, settings.offset) == ("int16", fitted.scale, fitted.offset)
    assert tomllib.loads(file.read_text()).keys() == {"preprocess"}


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (np.zeros((0, 3)), "empty"),
        (np.array([[1.0, np.nan]]), "not finite"),
        (np.array([[1.0, 5.0], [2.0, 5.0]]), "channel 1 .* one value only"),
    ],
)
def test_what_cannot_be_normalized_is_refused(raw, what):
    with pytest.raises(DataError, match=what):
        normalization(raw)


def test_other_channels_than_were_normalized_are_refused():
    with pytest.raises(DataError, match="2 channels"):
        normalization(np.array([[1, 5], [2, 6]])).real(np.zeros((4, 3)))
