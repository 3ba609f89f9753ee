# SPDX-License-Identifier: Apache-2.0
"""Pins the image half: what the checkpoint's settings mean and which are refused."""

import numpy as np
import pytest

from molmoact2_ros.processing.errors import ProcessingError
from molmoact2_ros.processing.image_encoder import ImageEncoder


def _image(value: int = 0) -> np.ndarray:
    return np.full((8, 9, 3), value, dtype=np.uint8)


def test_images_of_any_size_become_patches_in_camera_order(checkpoint) -> None:
    patches, _ = ImageEncoder.load(checkpoint.folder).encode([_image(255), _image(0)[:5]])
    assert patches.shape == (2, 25, 588)
    assert patches.dtype == np.float32
    assert (patches[0] == 1).all()
    assert (patches[1] == -1).all()


def test_pooling_index_of_the_second_image_is_shifted_but_its_outside_is_not(checkpoint) -> None:
    _, index = ImageEncoder.load(checkpoint.folder).encode([_image(), _image()])
    assert index.shape == (18, 4)
    assert index[2].tolist() == [4, -1, 9, -1]
    assert index[11].tolist() == [29, -1, 34, -1]


def test_image_text_has_one_patch_token_per_window(checkpoint) -> None:
    assert ImageEncoder.load(checkpoint.folder).image_text() == "<im_start>" + "<im_patch>" * 9 + "<im_end>"


def test_column_tokens_close_each_row_where_the_checkpoint_wants_them(checkpoint) -> None:
    folder = checkpoint.edit("processor_config.json", "use_single_crop_col_tokens", value=None)
    row = "<im_patch>" * 3 + "<im_col>"
    assert ImageEncoder.load(folder).image_text() == f"<im_start>{row * 3}<im_end>"


def test_no_image_is_refused(checkpoint) -> None:
    with pytest.raises(ProcessingError, match="at least one camera image"):
        ImageEncoder.load(checkpoint.folder).encode([])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("crop_mode", "overlap-and-resize-c2"),
        ("resample", 3),
        ("image_mean", [0.48, 0.46, 0.41]),
        ("image_std", [1, 1, 1]),
    ],
)
def test_other_preprocessing_is_refused_by_name(checkpoint, key: str, value: object) -> None:
    folder = checkpoint.edit("processor_config.json", "image_processor", key, value=value)
    with pytest.raises(ProcessingError, match=f"image_processor has {key} = "):
        ImageEncoder.load(folder)


def test_image_size_that_does_not_divide_into_patches_is_refused(checkpoint) -> None:
    folder = checkpoint.edit("processor_config.json", "image_processor", "patch_size", value=16)
    with pytest.raises(ProcessingError, match="70 x 70 does not divide into patches of 16"):
        ImageEncoder.load(folder)


def test_missing_setting_is_named_with_its_file(checkpoint) -> None:
    folder = checkpoint.edit("processor_config.json", "image_processor", "pooling_size", value=None)
    with pytest.raises(ProcessingError, match=r"processor_config.json image_processor lacks the field 'pooling_size'"):
        ImageEncoder.load(folder)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("pooling_size", 2, "image_processor field 'pooling_size' must be a list, not 2"),
        ("pooling_size", [0, 2], r"'pooling_size' must be two whole numbers of at least 1, not \[0, 2\]"),
        ("pooling_size", [2], "'pooling_size' must be two whole numbers"),
        ("patch_size", 0, "image_processor field 'patch_size' must be at least 1, not 0"),
        ("size", 70, "image_processor field 'size' must be an object, not 70"),
        ("size", {"height": -14, "width": 14}, "image_processor size field 'height' must be at least 1, not -14"),
    ],
)
def test_setting_of_another_type_or_size_is_named_with_what_it_holds(
    checkpoint, key: str, value: object, message: str
) -> None:
    folder = checkpoint.edit("processor_config.json", "image_processor", key, value=value)
    with pytest.raises(ProcessingError, match=message):
        ImageEncoder.load(folder)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("image_processor", [], r"processor_config.json field 'image_processor' must be an object, not \[\]"),
        ("use_single_crop_col_tokens", "no", "'use_single_crop_col_tokens' must be true or false, not 'no'"),
    ],
)
def test_section_of_another_type_is_named_with_its_file(checkpoint, key: str, value: object, message: str) -> None:
    with pytest.raises(ProcessingError, match=message):
        ImageEncoder.load(checkpoint.edit("processor_config.json", key, value=value))
