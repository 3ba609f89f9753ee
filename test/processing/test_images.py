# SPDX-License-Identifier: Apache-2.0
"""Pins the arithmetic of the resize, against its definition written out, and the order of patches and windows."""

import subprocess
import sys

import numpy as np
import pytest

from molmoact2_ros.processing.errors import ProcessingError
from molmoact2_ros.processing.images import patchify, pooling_windows, resize_bilinear


def _noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def _fma(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    # NumPy 1 would compute a scalar times an array in the array's float32.
    return (a.astype(np.float64) * b.astype(np.float64) + c).astype(np.float32)


def _sources(n_in: int, n_out: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    scale = np.float32(n_in) / np.float32(n_out)
    x = np.maximum(_fma(scale, np.arange(n_out, dtype=np.float32) + np.float32(0.5), np.float32(-0.5)), np.float32(0))
    low = np.floor(x).astype(int)
    return low, np.minimum(low + 1, n_in - 1), x - low.astype(np.float32)


def _literal_resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    values = image.astype(np.float32)
    for axis, n_out in ((1, size[1]), (0, size[0])):
        low, high, w1 = _sources(image.shape[axis], n_out)
        w1 = w1.reshape((-1, 1) if axis == 1 else (-1, 1, 1))
        values = _fma(np.float32(1) - w1, values.take(low, axis), w1 * values.take(high, axis))
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((480, 640), (378, 378)),
        ((720, 1280), (378, 378)),
        ((180, 320), (378, 378)),
        ((756, 756), (378, 378)),  # every second value is a tie
        ((378, 500), (378, 378)),
        ((48, 64), (70, 70)),
        ((1, 1), (5, 3)),
        ((3, 200), (7, 2)),
    ],
)
def test_resize_equals_its_definition_in_every_pixel(shape: tuple[int, int], size: tuple[int, int]) -> None:
    image = _noise(*shape)
    np.testing.assert_array_equal(resize_bilinear(image, size), _literal_resize(image, size))


def test_resize_rounds_ties_to_the_even_value() -> None:
    image = np.repeat(np.array([[0, 1, 2, 3]], dtype=np.uint8)[..., None], 3, axis=2)
    assert resize_bilinear(image, (1, 2))[0, :, 0].tolist() == [0, 2]


def test_resize_keeps_a_white_image_white() -> None:
    white = np.full((481, 643, 3), 255, dtype=np.uint8)
    assert (resize_bilinear(white, (378, 378)) == 255).all()


def test_resize_to_the_same_size_returns_the_image() -> None:
    image = _noise(70, 70)
    assert resize_bilinear(image, (70, 70)) is image


def test_resize_takes_a_view_with_gaps() -> None:
    image = _noise(60, 160)
    np.testing.assert_array_equal(
        resize_bilinear(image[:, ::2], (70, 70)), resize_bilinear(image[:, ::2].copy(), (70, 70))
    )


@pytest.mark.parametrize(
    ("image", "got"),
    [
        (np.zeros((4, 4, 3), np.float32), "float32"),
        (np.zeros((4, 4), np.uint8), r"\(4, 4\)"),
        (np.zeros((4, 4, 4), np.uint8), r"\(4, 4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), r"\(0, 4, 3\)"),
        ([[1, 2, 3]], "list"),
    ],
)
def test_resize_refuses_what_is_no_colour_image(image: object, got: str) -> None:
    with pytest.raises(ProcessingError, match=got):
        resize_bilinear(image, (2, 2))


def test_patchify_orders_row_column_channel_within_patches_in_reading_order() -> None:
    image = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    patches = patchify(image, 2)
    assert patches.shape == (6, 12)
    second = (patches[1] + 1) * 127.5
    np.testing.assert_allclose(second, [6, 7, 8, 9, 10, 11, 24, 25, 26, 27, 28, 29], atol=1e-4)


def test_patchify_maps_bytes_to_minus_one_and_one() -> None:
    image = np.array([[[0, 255, 51]]], dtype=np.uint8)
    np.testing.assert_allclose(patchify(image, 1), [[-1, 1, -0.6]], atol=1e-6)


def test_patchify_refuses_an_image_that_does_not_divide() -> None:
    with pytest.raises(ProcessingError, match="5 x 4 does not divide into patches of 2"):
        patchify(_noise(5, 4), 2)


def test_pooling_windows_pad_an_odd_grid_at_the_right_and_bottom() -> None:
    assert pooling_windows((3, 3)).tolist() == [[0, 1, 3, 4], [2, -1, 5, -1], [6, 7, -1, -1], [8, -1, -1, -1]]


def test_pooling_windows_of_the_released_size_are_14_by_14() -> None:
    windows = pooling_windows((27, 27))
    assert windows.shape == (196, 4)
    assert sorted(windows[windows >= 0]) == list(range(729))


def test_resizing_alone_loads_no_tokenizer() -> None:
    code = "import sys, molmoact2_ros.processing.images; sys.exit('tokenizers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
