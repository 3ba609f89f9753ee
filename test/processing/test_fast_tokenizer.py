# SPDX-License-Identifier: Apache-2.0
"""Pins the action tokenizer to its algorithm, computed here with scipy and the tokenizers library alone."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.fft import dct, idct
from tokenizers import Tokenizer

from molmoact2_ros.processing.errors import ProcessingError
from molmoact2_ros.processing.fast_tokenizer import FastTokenizer

HORIZON, WIDTH, SCALE = 15, 4, 10.0


def _chunks(count: int = 60, seed: int = 0, size: float = 1.0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    time = np.linspace(0, 1, HORIZON)[:, None]
    start, slope, wave = rng.uniform(-0.5, 0.5, (3, count, 1, WIDTH))
    return list(size * (start + slope * time + 0.1 * np.sin(6 * wave * time)))


def _fitted() -> FastTokenizer:
    return FastTokenizer.fit(_chunks(), vocab_size=512, scale=SCALE)


def test_round_trip_is_within_the_rounding_of_the_coefficients() -> None:
    tokenizer = _fitted()
    for chunk in _chunks():
        decoded = tokenizer.decode(tokenizer.encode(chunk), HORIZON, WIDTH)
        assert decoded.dtype == np.float32
        # The transform is orthonormal: the rms error of a chunk is that of its rounded coefficients.
        assert np.sqrt(np.mean((decoded - chunk) ** 2)) <= 0.5 / SCALE


def test_encode_equals_the_algorithm_written_with_scipy() -> None:
    tokenizer = _fitted()
    for chunk in _chunks(seed=1, size=0.5):
        levels = np.around(dct(chunk, axis=0, norm="ortho") * SCALE).flatten() - tokenizer.min_token
        text = "".join(map(chr, np.maximum(levels, 0).astype(int)))
        assert tokenizer.encode(chunk) == tokenizer.tokenizer.encode(text).ids


def test_decode_equals_the_algorithm_written_with_scipy() -> None:
    tokenizer = _fitted()
    ids = tokenizer.encode(_chunks()[3])
    levels = np.array([ord(c) for c in tokenizer.tokenizer.decode(ids)]).reshape(HORIZON, WIDTH) + tokenizer.min_token
    expected = idct(levels / SCALE, axis=0, norm="ortho")
    np.testing.assert_allclose(tokenizer.decode(ids, HORIZON, WIDTH), expected, atol=1e-6)


def test_fit_takes_the_smallest_coefficient_as_first_symbol_and_keeps_to_the_vocabulary() -> None:
    tokenizer = _fitted()
    levels = [np.around(dct(chunk, axis=0, norm="ortho") * SCALE) for chunk in _chunks()]
    assert tokenizer.min_token == min(level.min() for level in levels)
    assert tokenizer.tokenizer.get_vocab_size() <= 512
    assert max(max(tokenizer.encode(chunk)) for chunk in _chunks()) < 512


def test_fit_makes_every_symbol_of_its_range_a_token_as_the_released_fit_does() -> None:
    tokenizer = FastTokenizer.fit([np.array([[-5.0], [5.0]]), np.array([[5.0], [5.0]])], vocab_size=256, scale=SCALE)
    symbols = [chr(symbol) for symbol in range(71 + 71 + 1)]  # sqrt(2) * 5 * 10 rounds to 71, on both sides of zero
    assert tokenizer.min_token == -71
    assert None not in map(tokenizer.tokenizer.token_to_id, symbols)


def test_fit_merges_frequent_symbols() -> None:
    lengths = [len(_fitted().encode(chunk)) for chunk in _chunks()[:5]]
    assert max(lengths) < HORIZON * WIDTH / 2


def test_saved_files_are_the_released_layout(tmp_path: Path) -> None:
    tokenizer = _fitted()
    tokenizer.save(tmp_path / "fast")
    config = json.loads((tmp_path / "fast" / "processor_config.json").read_text())
    assert config["processor_class"] == "UniversalActionProcessor"
    assert (config["scale"], config["vocab_size"], config["min_token"]) == (SCALE, 512, tokenizer.min_token)
    assert (config["action_dim"], config["time_horizon"]) == (None, None)
    loaded = Tokenizer.from_file(str(tmp_path / "fast" / "tokenizer.json"))
    assert loaded.get_vocab() == tokenizer.tokenizer.get_vocab()


def test_loaded_tokenizer_encodes_and_decodes_as_the_saved_one(tmp_path: Path) -> None:
    tokenizer = _fitted()
    tokenizer.save(tmp_path)
    loaded = FastTokenizer.load(tmp_path)
    ids = loaded.encode(_chunks()[0])
    assert ids == tokenizer.encode(_chunks()[0])
    np.testing.assert_array_equal(loaded.decode(ids, HORIZON, WIDTH), tokenizer.decode(ids, HORIZON, WIDTH))


@pytest.mark.parametrize(("horizon", "width"), [(HORIZON + 1, WIDTH), (HORIZON, WIDTH - 1), (HORIZON * 2, WIDTH)])
def test_decode_raises_where_the_reference_returns_zeros(horizon: int, width: int) -> None:
    tokenizer = _fitted()
    ids = tokenizer.encode(_chunks()[0])
    with pytest.raises(ProcessingError, match=f"hold 60 coefficients, but {horizon} steps x {width} values"):
        tokenizer.decode(ids, horizon, width)


def test_decode_raises_on_no_tokens_and_on_unknown_ones() -> None:
    with pytest.raises(ProcessingError, match="The 0 action tokens hold 0 coefficients"):
        _fitted().decode([], HORIZON, WIDTH)
    with pytest.raises(ProcessingError, match="hold 0 coefficients"):
        _fitted().decode([99_999], HORIZON, WIDTH)


def test_decode_raises_on_half_a_coefficient_though_the_count_is_right() -> None:
    tokenizer = FastTokenizer.fit(_chunks(size=8), vocab_size=1024, scale=SCALE)
    lead_byte = tokenizer.tokenizer.token_to_id("Â")  # first of the two bytes of U+0080 to U+00BF
    with pytest.raises(ProcessingError, match="break off within a coefficient"):
        tokenizer.decode([lead_byte] * 4, 1, 4)


def test_encode_raises_on_a_coefficient_in_a_hole_and_names_it() -> None:
    tokenizer = _fitted()
    chunk = np.zeros((HORIZON, WIDTH))
    chunk[:, 2] = 200 / SCALE / np.sqrt(HORIZON)
    with pytest.raises(ProcessingError, match=r"no token for the coefficients 200 \(in units of 1/10\)"):
        tokenizer.encode(chunk)


def test_encode_raises_a_coefficient_below_the_fitted_range_to_it() -> None:
    tokenizer = _fitted()
    lowest = np.zeros((HORIZON, WIDTH))
    lowest[:, 0] = tokenizer.min_token / SCALE / np.sqrt(HORIZON)
    assert tokenizer.encode(lowest * 3) == tokenizer.encode(lowest)


@pytest.mark.parametrize("chunk", [np.zeros(4), np.zeros((0, 4)), np.full((3, 4), np.nan), np.zeros((1, 3, 4))])
def test_encode_and_fit_refuse_what_is_no_finite_chunk(chunk: np.ndarray) -> None:
    with pytest.raises(ProcessingError, match=r"finite array \(steps, values\)"):
        _fitted().encode(chunk)
    with pytest.raises(ProcessingError, match=r"finite array \(steps, values\)"):
        FastTokenizer.fit([chunk])


def test_encode_refuses_values_far_from_normalised() -> None:
    with pytest.raises(ProcessingError, match="normalise the chunk first"):
        _fitted().encode(np.full((HORIZON, WIDTH), 1e4))


def test_fit_refuses_a_vocabulary_smaller_than_the_range_of_coefficients() -> None:
    with pytest.raises(ProcessingError, match="more than the 8 tokens of the vocabulary"):
        FastTokenizer.fit(_chunks(), vocab_size=8)


def test_fit_warns_when_nothing_is_left_for_merges(caplog: pytest.LogCaptureFixture) -> None:
    FastTokenizer.fit(_chunks(), vocab_size=80)
    assert "few are left to merge" in caplog.text


def test_fit_needs_chunks() -> None:
    with pytest.raises(ProcessingError, match="at least one chunk"):
        FastTokenizer.fit([])


@pytest.mark.parametrize("field", ["scale", "vocab_size", "min_token"])
def test_load_names_a_missing_field(tmp_path: Path, field: str) -> None:
    _fitted().save(tmp_path)
    path = tmp_path / "processor_config.json"
    path.write_text(json.dumps({key: value for key, value in json.loads(path.read_text()).items() if key != field}))
    with pytest.raises(ProcessingError, match=f"processor_config.json lacks the field '{field}'"):
        FastTokenizer.load(tmp_path)


@pytest.mark.parametrize(
    ("scale", "expected"), [("10", "a finite number, not '10'"), (0, "a finite number above 0, not 0.0")]
)
def test_load_refuses_a_scale_that_is_none(tmp_path: Path, scale: object, expected: str) -> None:
    _fitted().save(tmp_path)
    path = tmp_path / "processor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"scale": scale}))
    with pytest.raises(ProcessingError, match=f"processor_config.json field 'scale' must be {expected}"):
        FastTokenizer.load(tmp_path)
