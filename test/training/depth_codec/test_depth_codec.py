# SPDX-License-Identifier: Apache-2.0
"""Fitting the depth codec in a few steps, its scores, the codec in checkpoints/, and a teacher that may be missing."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from molmoact2_ros.embodiment import Embodiment, share_folder, shipped_embodiments
from molmoact2_ros.model.depth_vae import DepthCodec, DepthVae, DepthVaeConfig, FrameScale, MetricScale
from molmoact2_ros.training.depth_codec import DepthTeacher, TeacherError, fit_depth_vae, score_codec

pytestmark = pytest.mark.slow

SMALL = DepthVaeConfig(image_px=32, halvings=3, first_width=8, blocks=1, num_codes=16, code_width=8)
RANGE = MetricScale(0.5, 2.5)
SHIPPED = share_folder() / "checkpoints" / "depth_codes"
UNSEEN_SEED = 77  # neither that of the fit nor that of its held-out maps


def _maps(count: int, seed: int = 0) -> np.ndarray:
    """Return [count, 40, 60] in m: planes that lean any way."""
    centre, down, across = np.random.default_rng(seed).uniform((1.2, -0.5, -0.5), (1.8, 0.5, 0.5), (count, 3)).T
    rows, columns = np.linspace(-0.5, 0.5, 40), np.linspace(-0.5, 0.5, 60)
    maps = centre[:, None, None] + down[:, None, None] * rows[:, None] + across[:, None, None] * columns
    return maps.astype(np.float32)


def _values(count: int) -> np.ndarray:
    return np.stack([RANGE.from_depth(depth_m, 32) for depth_m in _maps(count)])


def _fit(steps: int, seed: int = 0) -> tuple[DepthVae, list[float]]:
    torch.set_num_threads(1)
    errors: list[float] = []
    network = fit_depth_vae(
        _values(64), SMALL, steps=steps, batch=8, seed=seed, on_step=lambda _, error: errors.append(error)
    )
    return network, errors


def test_fit_lowers_the_error_and_uses_the_codebook():
    network, errors = _fit(400)
    assert len(errors) == 400
    assert np.mean(errors[-20:]) < 0.4 * np.mean(errors[:20])
    score = score_codec(DepthCodec(network, RANGE, "small"), _maps(20, seed=1))
    assert score.codes_used >= 8
    assert score.mean_m < 0.08


def test_same_seed_gives_the_same_weights_and_another_does_not():
    first, again, other = (_fit(12, seed)[0].state_dict() for seed in (0, 0, 1))
    assert all((first[key] == again[key]).all() for key in first)
    assert any((first[key] != other[key]).any() for key in first)


@pytest.mark.parametrize(("maps", "steps", "batch"), [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_nothing_to_fit_is_refused(maps, steps, batch):
    with pytest.raises(ValueError, match="expected at least 1 map, 1 step and 1 map in a step"):
        fit_depth_vae(np.zeros((maps, 32, 32), np.float32), SMALL, steps=steps, batch=batch)


def test_maps_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"expected maps of 32 x 32, got \(16, 16\)"):
        fit_depth_vae(np.zeros((4, 16, 16), np.float32), SMALL)


class _FixedNetwork(DepthVae):
    """Answers 1.5 m everywhere, whatever the codes."""

    def decode(self, codes):
        return torch.full((len(codes), 1, 32, 32), 0.5)


def test_score_is_that_of_a_known_error():
    codec = DepthCodec(_FixedNetwork(SMALL), RANGE, "fixed")
    score = score_codec(codec, [np.full((32, 32), 1.0, np.float32), np.full((32, 32), 2.0, np.float32)])
    assert (score.maps, score.mean_m, score.rms_m) == (2, pytest.approx(0.5), pytest.approx(0.5))
    assert score.mean_percent == pytest.approx((50 + 25) / 2, rel=1e-5)
    assert score.within_5_percent == 0
    assert 1 <= score.perplexity <= score.codes_used <= 16


def test_score_needs_metres_and_maps():
    with pytest.raises(ValueError, match="has no metres"):
        score_codec(DepthCodec(DepthVae(SMALL), FrameScale(), "relative"), _maps(1))
    with pytest.raises(ValueError, match="expected at least 1 depth map"):
        score_codec(DepthCodec(DepthVae(SMALL), RANGE, "small"), [])


def test_shipped_codec_is_small_and_says_how_it_did_on_every_robot():
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 2e6
    held_out = json.loads((SHIPPED / "config.json").read_text())["held_out"]
    assert set(held_out) == {*shipped_embodiments(), "all"}


@pytest.mark.sim
@pytest.mark.parametrize("robot", shipped_embodiments())
def test_shipped_codec_errs_on_new_views_as_its_config_says(robot):
    sim = pytest.importorskip("molmoact2_ros.sim", reason="needs MuJoCo: pip install mujoco")
    codec = DepthCodec.load(SHIPPED)
    reported = json.loads((SHIPPED / "config.json").read_text())["held_out"][robot]
    try:
        score = score_codec(codec, sim.random_depth_views(Embodiment.load(robot), 8, UNSEEN_SEED))
    except sim.SimulationError as error:
        pytest.skip(str(error))
    assert score.mean_m < 1.4 * reported["mean_m"]  # eight views are few: one close arm weighs in them
    assert score.mean_percent < 1.4 * reported["mean_percent"]
    assert score.codes_used > 48


def test_missing_transformers_is_one_sentence_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(TeacherError, match="pip install transformers") as raised:
        DepthTeacher.load()
    assert "\n" not in str(raised.value)


def test_labels_need_no_transformers_until_a_teacher_is_made():
    """In a process that cannot import it, whether it is installed or not."""
    code = "import sys; sys.modules['transformers'] = None; import molmoact2_ros.training.depth_codec"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("kind", ["relative", "metric"])
def test_teacher_estimates_a_map_of_the_image_s_size(tmp_path, kind):
    transformers = pytest.importorskip("transformers", reason="needs transformers: pip install transformers")
    backbone = transformers.Dinov2Config(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        out_indices=[1, 2, 3, 4],
        reshape_hidden_states=False,
        apply_layernorm=True,
    )
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=16,
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        head_hidden_size=8,
        depth_estimation_type=kind,
        max_depth=20 if kind == "metric" else 1,
    )
    transformers.DepthAnythingForDepthEstimation(config).save_pretrained(tmp_path)
    size = {"height": 56, "width": 56}
    transformers.DPTImageProcessor(size=size, ensure_multiple_of=14).save_pretrained(tmp_path)
    teacher = DepthTeacher.load(str(tmp_path))
    estimate = teacher.estimate(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8))
    assert teacher.is_metric == (kind == "metric")
    assert estimate.shape == (40, 60)
    assert estimate.dtype == np.float32


def test_teacher_that_does_not_exist_is_one_sentence(tmp_path):
    pytest.importorskip("transformers", reason="needs transformers: pip install transformers")
    with pytest.raises(TeacherError, match="cannot be loaded") as raised:
        DepthTeacher.load(str(tmp_path))
    assert "\n" not in str(raised.value)
