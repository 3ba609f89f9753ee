# SPDX-License-Identifier: Apache-2.0
"""The depth auto-encoder: shapes, codebook, the released file's layout, its own folder, and the meaning of values.

The released layout (keys, shapes, the dictionary around them) is that of allenai/molmoact scripts/vqvae.py and
preprocess/processors.py at 622ad08; the files here are synthetic.
"""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from molmoact2_ros.model.depth_vae import (
    DepthCodec,
    DepthCodecError,
    DepthVae,
    DepthVaeConfig,
    FrameScale,
    MetricScale,
    write_codec,
)
from molmoact2_ros.model.depth_vae.codebook import Codebook
from molmoact2_ros.model.depth_vae.store import check_may_write

SMALL = DepthVaeConfig(image_px=32, halvings=3, first_width=4, blocks=1, num_codes=16, code_width=8)
RANGE = MetricScale(0.5, 2.5)
SLOPE = np.linspace(0.5, 2.5, 48, dtype=np.float32)[None].repeat(36, axis=0)


@pytest.fixture(scope="module")
def released() -> DepthVae:
    torch.manual_seed(0)
    return DepthVae(DepthVaeConfig.released())


def _save(path: Path, weights: dict[str, Tensor], *, prefix: str = "", bare: bool = False) -> Path:
    table = {prefix + key: tensor for key, tensor in weights.items()}
    torch.save(table if bare else {"weights": table}, path)
    return path


def _features(count: int = 6, seed: int = 0) -> Tensor:
    return torch.randn(count, 8, 4, 4, generator=torch.Generator().manual_seed(seed))


def test_released_sizes_take_320_pixels_to_ten_by_ten_codes_and_back(released):
    codes = released.encode(torch.rand(2, 1, 320, 320))
    assert codes.shape == (2, 10, 10)
    assert 0 <= codes.min() <= codes.max() < 128
    assert released.decode(codes).shape == (2, 1, 320, 320)


def test_released_layout_has_the_keys_and_shapes_of_the_public_program(released):
    shapes = {key: tuple(tensor.shape) for key, tensor in released.state_dict().items()}
    widths = [1, 16, 32, 64, 128, 256]
    for step in range(5):
        assert shapes[f"encoder.{2 * step}.weight"] == (widths[step + 1], widths[step], 4, 4)
    for block in ("encoder.10", "encoder.11", "decoder.2", "decoder.3"):
        assert [shapes[f"{block}.net.{layer}.weight"][2:] for layer in (0, 2, 4)] == [(3, 3), (3, 3), (1, 1)]
    assert shapes["encoder.12.weight"] == (512, 256, 1, 1)
    assert shapes["decoder.0.weight"] == (256, 512, 1, 1)
    for step, inward_outward in enumerate([(256, 256), (256, 128), (128, 64), (64, 32), (32, 16)]):
        assert shapes[f"decoder.{4 + 2 * step}.weight"] == (*inward_outward, 4, 4)
    assert shapes["decoder.14.weight"] == (1, 16, 1, 1)
    assert [shapes[f"_vq_vae.{name}"] for name in ("_embedding", "_ema_cluster_size", "_ema_w")] == [
        (128, 512),
        (128,),
        (128, 512),
    ]
    assert len(shapes) == 3 + 2 * (6 + 7) + 2 * 4 * 3


def test_codes_are_the_nearest_vectors():
    book, features = Codebook(16, 8), _features()
    distances = torch.cdist(features.movedim(1, -1).reshape(-1, 8), book._embedding)
    assert (book.codes(features).flatten() == distances.argmin(1)).all()


def test_quantiser_has_the_values_of_the_codes_and_passes_gradients_straight_through():
    book, features = Codebook(16, 8), _features().requires_grad_()
    quantised, codes = book(features)
    torch.testing.assert_close(quantised, book.vectors(codes))
    weights = _features(seed=1)
    (quantised * weights).sum().backward()
    torch.testing.assert_close(features.grad, weights)


def test_codes_move_to_the_mean_of_what_chooses_them():
    book = Codebook(2, 8)
    book._embedding.copy_(torch.tensor([[-1.0], [1.0]]).expand(2, 8))
    book._ema_w.copy_(book._embedding)
    features = torch.cat((_features() * 0.1 - 3, _features(seed=1) * 0.1 + 2))
    for _ in range(800):
        book.follow(features, book.codes(features))
    torch.testing.assert_close(book._embedding, torch.tensor([[-3.0], [2.0]]).expand(2, 8), atol=0.06, rtol=0)


def test_codes_that_nothing_chooses_are_moved_to_where_they_are_of_use():
    book, features = Codebook(16, 8), _features(32)
    book._embedding[1:] = book._ema_w[1:] = 100.0  # far off: the first takes everything
    for _ in range(100):
        book.follow(features, book.codes(features))
    assert len(book.codes(features).unique()) == 1
    assert book.revive(features) == 15
    assert len(book.codes(features).unique()) == 16


@pytest.mark.parametrize(("prefix", "bare"), [("module.", False), ("", False), ("", True)])
def test_file_in_the_released_layout_gives_the_same_codes(tmp_path, released, prefix, bare):
    path = _save(tmp_path / "vae-final.pt", released.state_dict(), prefix=prefix, bare=bare)
    codec = DepthCodec.load(path)
    values = torch.rand(1, 1, 320, 320)
    assert (codec.network.encode(values) == released.encode(values)).all()
    assert codec.scale == FrameScale()
    assert not codec.is_metric
    assert codec.name.startswith("vae-final.pt@")


def test_wrong_keys_and_shapes_are_one_sentence_that_names_them(tmp_path, released):
    weights = dict(released.state_dict())
    weights["encoder.99.weight"] = weights.pop("encoder.12.weight")
    weights["decoder.14.weight"] = torch.zeros(3, 16, 1, 1)
    path = _save(tmp_path / "vae-final.pt", weights)
    with pytest.raises(DepthCodecError) as raised:
        DepthCodec.load(path)
    for part in (
        "encoder.12.weight is missing",
        "encoder.99.weight is unknown",
        "decoder.14.weight is 3 x 16 x 1 x 1 instead of 1 x 16 x 1 x 1",
        "give vae-final.pt",
    ):
        assert part in str(raised.value)


def test_file_of_another_network_lists_a_few_keys_and_counts_the_rest(tmp_path):
    path = _save(tmp_path / "other.pt", {"fc.weight": torch.zeros(2, 2)})
    with pytest.raises(DepthCodecError, match=r"is missing.* and \d+ more"):
        DepthCodec.load(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"no archive", "cannot be read as torch weights"), (b"", "is empty: delete it and download it again")],
)
def test_file_that_is_no_torch_archive_is_refused(tmp_path, content, message):
    path = tmp_path / "vae-final.pt"
    path.write_bytes(content)
    with pytest.raises(DepthCodecError, match=message):
        DepthCodec.load(path)


def test_file_without_a_table_of_tensors_is_refused(tmp_path):
    torch.save({"weights": [1, 2]}, tmp_path / "vae-final.pt")
    with pytest.raises(DepthCodecError, match="holds no table of tensors"):
        DepthCodec.load(tmp_path / "vae-final.pt")


class _Trap:
    def __reduce__(self):
        return (open, ("trapped", "w"))


def test_code_inside_the_file_does_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"weights": _Trap()}, tmp_path / "new.pt")
    (tmp_path / "old.pt").write_bytes(pickle.dumps({"weights": _Trap()}))
    for name in ("new.pt", "old.pt"):
        with pytest.raises(DepthCodecError, match="cannot be read as torch weights"):
            DepthCodec.load(tmp_path / name)
    assert not (tmp_path / "trapped").exists()


def _written(folder: Path) -> Path:
    torch.manual_seed(0)
    write_codec(folder, DepthVae(SMALL), RANGE, {"note": "synthetic"})
    return folder


def test_folder_comes_back_with_sizes_scale_and_half_precision_weights(tmp_path):
    codec = DepthCodec.load(_written(tmp_path / "codec"))
    assert (codec.config, codec.scale) == (SMALL, RANGE)
    torch.manual_seed(0)
    for name, tensor in DepthVae(SMALL).named_parameters():
        torch.testing.assert_close(codec.network.get_parameter(name), tensor.detach().half().float(), atol=0, rtol=0)
    assert codec.encode(SLOPE).shape == (4, 4)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"model_type": "molmoact2"}, "expected model_type depth_vae"),
        ({"sizes": {"image_px": 32}}, "expected the sizes blocks, code_width"),
        ({"sizes": {**vars(SMALL), "image_px": 33}}, "must be a multiple of 8"),
        ({"sizes": {**vars(SMALL), "blocks": 0}}, "blocks must be a positive integer, got 0"),
        ({"sizes": {**vars(SMALL), "num_codes": 17}}, "_vq_vae._embedding is 16 x 8 instead of 17 x 8"),
        ({"scale": {"kind": "metric", "near_m": 2, "far_m": 1}}, "0 <= near_m < far_m"),
        ({"scale": None}, "expected scale with kind metric"),
        ({"scale": {"kind": "metric", "near_m": 0, "far_m": 10**400}}, "expected scale with kind metric"),
    ],
)
def test_folder_whose_config_cannot_be_used_is_one_sentence(tmp_path, edit, message):
    config = _written(tmp_path / "codec") / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **edit}))
    with pytest.raises(DepthCodecError) as raised:
        DepthCodec.load(tmp_path / "codec")
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_git_lfs_pointer_in_a_folder_is_named(tmp_path, name):
    (_written(tmp_path / "codec") / name).write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(DepthCodecError, match="is a git-lfs pointer"):
        DepthCodec.load(tmp_path / "codec")


def test_missing_and_empty_places_are_refused_with_what_to_give(tmp_path):
    with pytest.raises(DepthCodecError, match=r"there is no depth codec .*vae-final\.pt"):
        DepthCodec.load(tmp_path / "nothing")
    with pytest.raises(DepthCodecError, match=r"is no depth codec: expected config\.json"):
        DepthCodec.load(tmp_path)


def test_only_an_earlier_codec_may_be_written_over(tmp_path):
    check_may_write(_written(tmp_path / "codec"))
    check_may_write(tmp_path / "new")
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(DepthCodecError, match="was not written by `molmoact2 fit-depth`"):
        check_may_write(tmp_path)


def test_metric_scale_is_even_in_metres_and_near_is_large():
    assert RANGE.values(np.array([[0.5, 1.5, 2.5, 9.0, 0.1]], np.float32)).tolist() == [[1.0, 0.5, 0.0, 0.0, 1.0]]
    np.testing.assert_allclose(RANGE.depth_m(RANGE.values(SLOPE)), SLOPE, atol=1e-6)


def test_frame_scale_makes_values_as_the_public_label_program_does():
    nearness = np.random.default_rng(0).random((30, 40)).astype(np.float32) * 7 + 3
    part = (nearness - nearness.min()) / (nearness.max() - nearness.min() + 1e-8) * 255.0
    image = Image.fromarray(part.astype(np.uint8)).resize((20, 20), Image.Resampling.BILINEAR)
    expected = np.asarray(image, np.float32) / 255
    np.testing.assert_allclose(FrameScale().from_nearness(nearness, 20), expected, atol=1 / 255)
    assert (FrameScale().from_nearness(nearness, 20) == expected).mean() > 0.95  # cut to bytes at other roundings


def test_frame_scale_of_depth_does_not_know_metres_but_near_from_far():
    values = FrameScale().from_depth(SLOPE, 32)
    np.testing.assert_allclose(FrameScale().from_depth(SLOPE * 3, 32), values, atol=1.5 / 255)
    assert values[0, 0] > 0.9
    assert values[0, -1] < 0.05


def test_metric_codec_refuses_relative_nearness(tmp_path):
    codec = DepthCodec.load(_written(tmp_path / "codec"))
    with pytest.raises(DepthCodecError, match=r"codes mean metres.*Metric"):
        codec.encode_nearness(SLOPE)


def test_released_codec_decodes_to_nearness_from_0_to_1(tmp_path, released):
    codec = DepthCodec.load(_save(tmp_path / "vae-final.pt", released.state_dict()))
    decoded = codec.decode(codec.encode(SLOPE))
    assert decoded.shape == (320, 320)
    assert decoded.min() == 0
    assert decoded.max() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    "codes", [np.full((4, 4), 16), np.full((4, 4), -1), np.zeros((4, 5), int), np.zeros((4, 4)), np.zeros((0, 0), int)]
)
def test_codes_that_are_not_of_this_codec_are_refused(tmp_path, codes):
    with pytest.raises(DepthCodecError, match="expected 4 x 4 codes from 0 to 15"):
        DepthCodec.load(_written(tmp_path / "codec")).decode(codes)


@pytest.mark.parametrize(
    ("depth_m", "message"),
    [
        (np.zeros((3, 3), np.uint16), r"got uint16 \(3, 3\)"),
        (np.zeros((3, 3, 1), np.float32), r"got float32 \(3, 3, 1\)"),
        (np.full((3, 3), np.nan, np.float32), "finite"),
        ("map.png", "got str"),
    ],
)
def test_what_is_no_depth_map_is_refused(tmp_path, depth_m, message):
    with pytest.raises(DepthCodecError, match=message):
        DepthCodec.load(_written(tmp_path / "codec")).encode(depth_m)


def test_a_stray_pixel_close_to_the_sensor_leaves_the_values_of_the_others():
    slope_m = np.linspace(0.5, 2.0, 320, dtype=np.float32)[:, None].repeat(320, axis=1)
    stray_m = slope_m.copy()
    stray_m[100, 100] = 0.02
    values, strayed = (FrameScale().from_depth(depth_m, 320) for depth_m in (slope_m, stray_m))
    strayed[98:103, 98:103] = values[98:103, 98:103]
    assert np.abs(strayed - values).max() < 0.01
    assert values.max() - values.min() > 0.99
