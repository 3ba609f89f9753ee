# SPDX-License-Identifier: Apache-2.0
"""Files of depth codes: both forms hold the same, and anything else is refused in one sentence."""

import json

import numpy as np
import pytest

from molmoact2_ros.datasets.depth_code_file import DepthCodeFile
from molmoact2_ros.processing.errors import ProcessingError

CODES = np.random.default_rng(0).integers(0, 128, (3, 10, 10))
FRAMES = [{"file": f"{i}.png", "source": "png16 x 0.001 m", "missing": 0.25} for i in range(3)]
MADE = {"codec": "vae-final.pt@0123456789ab", "num_codes": 128, "scale": {"kind": "frame"}}


@pytest.mark.parametrize("name", ["codes.json", "codes.npz"])
def test_what_is_written_is_read_again(tmp_path, name):
    DepthCodeFile(CODES, FRAMES, MADE).write(tmp_path / "new" / name)
    file = DepthCodeFile.read(tmp_path / "new" / name)
    assert (file.codes == CODES).all()
    assert (file.frames, file.provenance) == (FRAMES, MADE)


def test_json_has_the_codes_of_a_frame_in_reading_order_on_one_line(tmp_path):
    DepthCodeFile(CODES, FRAMES, MADE).write(tmp_path / "codes.json")
    text = (tmp_path / "codes.json").read_text()
    assert json.loads(text)["frames"][1]["codes"] == CODES[1].ravel().tolist()
    assert sum('"codes"' in line for line in text.splitlines()) == 3


def test_name_that_ends_otherwise_is_refused(tmp_path):
    with pytest.raises(ProcessingError, match=r"ends in \.json or \.npz"):
        DepthCodeFile(CODES, FRAMES, MADE).write(tmp_path / "codes.csv")


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        "no json",
        '{"format": "another", "grid": [1, 1], "frames": [{"codes": [1]}]}',
        '{"format": "molmoact2 depth codes 1", "grid": [2, 2], "frames": [{"codes": [1]}]}',
        '{"format": "molmoact2 depth codes 1", "grid": [1, 1], "frames": [{"codes": [1.5]}]}',
        '{"format": "molmoact2 depth codes 1", "grid": [1, 1], "frames": [{"codes": [1, 2]}]}',
        '{"format": "molmoact2 depth codes 1", "grid": [1, 1], "frames": []}',
    ],
)
def test_json_of_something_else_is_refused(tmp_path, text):
    (tmp_path / "codes.json").write_text(text)
    with pytest.raises(ProcessingError, match="holds no depth codes"):
        DepthCodeFile.read(tmp_path / "codes.json")


def test_npz_of_something_else_is_refused(tmp_path):
    np.savez(tmp_path / "codes.npz", other=np.zeros(3))
    (tmp_path / "text.npz").write_text("no archive")
    for name in ("codes.npz", "text.npz"):
        with pytest.raises(ProcessingError, match="holds no depth codes"):
            DepthCodeFile.read(tmp_path / name)
