# SPDX-License-Identifier: Apache-2.0
"""Pins the network against the reference's stored outputs, and `molmoact2 parity` as a check that can fail."""

import argparse
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from molmoact2_ros.cli import parity
from molmoact2_ros.evaluation.parity.golden import Golden, GoldenError, compare
from molmoact2_ros.evaluation.parity.stages import Bench, run_chain
from molmoact2_ros.model.checkpoint import load_model
from molmoact2_ros.model.tiny import TinySizes, write_tiny_checkpoint
from molmoact2_ros.processing.processor import Processor

DATA = Path(__file__).parents[2] / "data" / "parity"
TINY, THINK = DATA / "tiny_base", DATA / "tiny_think"

pytestmark = pytest.mark.parity

Run = Callable[..., tuple[int, dict]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command; return its exit status and its last line, parsed."""

    def command(golden: Path, dtype: str = "float32", checkpoint: Path = TINY) -> tuple[int, dict]:
        status = parity.run(argparse.Namespace(checkpoint=str(checkpoint), golden=str(golden), dtype=dtype))
        return status, json.loads(capsys.readouterr().out.splitlines()[-1])

    return command


def _golden(name: str) -> Path:
    return DATA / "goldens" / f"{name}.npz"


def _edited(folder: Path, name: str, **changes: object) -> Path:
    """A golden with some arrays replaced; a function replaces an array by what it returns, None deletes it."""
    with np.load(_golden(name)) as file:
        arrays = {key: file[key] for key in file.files}
    for key, change in changes.items():
        arrays[key] = change(arrays[key]) if callable(change) else change
    path = folder / "golden.npz"
    np.savez(path, **{key: array for key, array in arrays.items() if array is not None})
    return path


def _set(path: Path, **fields: object) -> None:
    """Set top-level fields of a JSON file."""
    path.chmod(0o644)
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def _scaled(folder: Path, key: str, factor: float = 1.1) -> Path:
    """The tiny checkpoint with one weight scaled: a slip in one stage."""
    shutil.copytree(TINY, folder, dirs_exist_ok=True)
    tensors = load_file(folder / "model.safetensors")
    tensors[key] = tensors[key] * factor
    save_file(tensors, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize("name", ["droid", "yam", "so101", "discrete"])
def test_float32_equals_the_reference(run: Run, name: str) -> None:
    status, report = run(_golden(name))
    assert (status, report["ok"], report["dtype"]) == (0, True, "float32")
    assert report["kind"] == ("discrete" if name == "discrete" else "continuous")
    assert all(figure < 1e-4 for figure in report["max_abs"].values())


def test_bfloat16_equals_the_reference(run: Run) -> None:
    status, report = run(_golden("droid_bf16"), "bfloat16")
    assert (status, report["ok"], report["dtype"]) == (0, True, "bfloat16")


@pytest.mark.parametrize("name", ["droid", "discrete"])
def test_every_seam_of_the_file_is_in_the_report(run: Run, name: str) -> None:
    with np.load(_golden(name)) as file:
        seams = {key for key in file.files if not key.startswith("raw_")} - {"noise"}
    assert set(run(_golden(name))[1]["max_abs"]) == seams


@pytest.mark.parametrize(
    "key", ["visual", "k_1", "v_2", "ctx_k_0", "ctx_v_1", "step_x", "step_v", "in_pixel_values", "actions"]
)
def test_a_float_seam_off_by_a_thousandth_fails_and_shows_it(run: Run, tmp_path: Path, key: str) -> None:
    status, report = run(_edited(tmp_path, "droid", **{key: lambda x: x + np.float32(1e-3)}))
    assert (status, report["ok"]) == (1, False)
    assert report["max_abs"][key] == pytest.approx(1e-3, rel=0.02)


@pytest.mark.parametrize(("name", "key"), [("droid", "in_input_ids"), ("discrete", "generated")])
def test_integer_seams_count_their_mismatches(run: Run, tmp_path: Path, name: str, key: str) -> None:
    def swap(ids: np.ndarray) -> np.ndarray:
        ids[0, 2], ids[0, 3] = ids[0, 3], ids[0, 2]
        return ids

    status, report = run(_edited(tmp_path, name, **{key: swap}))
    assert (status, report["max_abs"][key]) == (1, 2)


def test_boolean_and_text_seams_count_their_mismatches(run: Run, tmp_path: Path) -> None:
    golden = _edited(tmp_path, "droid", in_token_type_ids=np.logical_not, prompt=np.asarray("something else"))
    _, report = run(golden)
    assert (report["max_abs"]["in_token_type_ids"], report["max_abs"]["prompt"]) == (145, 1)


def test_a_slip_in_the_images_does_not_fail_the_stages_after_it(run: Run, tmp_path: Path) -> None:
    _, report = run(_golden("droid"), checkpoint=_scaled(tmp_path, "model.vision_backbone.image_projector.w2.weight"))
    failed = {key for key, figure in report["max_abs"].items() if figure > 1e-4}
    assert failed == {"visual", "actions"}


def test_a_slip_in_the_images_fails_in_bfloat16_too(run: Run, tmp_path: Path) -> None:
    slipped = _scaled(tmp_path, "model.vision_backbone.image_projector.w2.weight")
    assert run(_golden("droid_bf16"), "bfloat16", slipped)[0] == 1


def test_a_slip_in_the_context_fails_from_there_and_in_the_chain(run: Run, tmp_path: Path) -> None:
    status, report = run(
        _golden("droid"), checkpoint=_scaled(tmp_path, "model.action_expert.blocks.1.mlp.down_proj.weight")
    )
    assert status == 1
    assert {key for key, figure in report["max_abs"].items() if figure > 1e-4} == {"step_v", "actions"}


def _self_made(folder: Path, steps: int, task: str) -> tuple[Path, Path]:
    """A checkpoint of other sizes and what this package computes on it, as a golden of 3 odd images."""
    checkpoint, random = folder / "checkpoint", np.random.default_rng(0)
    write_tiny_checkpoint(checkpoint, 1, TinySizes(layers=2))
    arrays = {f"raw_image_{i}": random.integers(0, 256, (31 + i, 47, 3), np.uint8) for i in range(3)}
    arrays |= {"raw_state": np.zeros(14, np.float32), "raw_task": np.asarray(task)}
    arrays |= {"raw_norm_tag": np.asarray("yam_dual_molmoact2"), "step_x": np.zeros((steps, 1, 30, 32))}
    arrays |= {"noise": random.standard_normal((1, 30, 32), np.float32), "actions": np.zeros((1, 30, 14))}
    bench = Bench(load_model(checkpoint), Processor.load(checkpoint), Golden("continuous", arrays))
    with torch.inference_mode():
        seams = {key: np.asarray(value) for key, value in run_chain(bench).items() if key != "normalised"}
    np.savez(folder / "golden.npz", **{**arrays, **seams})
    return checkpoint, folder / "golden.npz"


@pytest.mark.parametrize(("steps", "task"), [(4, "open the drawer"), (13, "fold it")])
def test_other_checkpoints_step_counts_tasks_and_images_are_compared(
    run: Run, tmp_path: Path, steps: int, task: str
) -> None:
    checkpoint, golden = _self_made(tmp_path, steps, task)
    status, report = run(golden, checkpoint=checkpoint)
    assert status == 0
    assert {"k_1", "v_1", "ctx_k_1", "step_v"} < set(report["max_abs"])
    assert "k_2" not in report["max_abs"]


def test_a_seam_of_another_shape_is_not_comparable(run: Run, tmp_path: Path) -> None:
    status, report = run(_edited(tmp_path, "droid", prefill_bias=lambda bias: bias[..., 1:]))
    assert (status, report["max_abs"]["prefill_bias"]) == (1, None)


def test_a_seam_that_the_checkpoint_does_not_have_fails(run: Run, tmp_path: Path) -> None:
    status, report = run(_edited(tmp_path, "droid", k_9=np.zeros((1, 145, 32), np.float32)))
    assert (status, report["max_abs"]["k_9"]) == (1, None)


def test_seams_that_a_file_lacks_are_computed_where_others_need_them(run: Run, tmp_path: Path) -> None:
    absent = dict.fromkeys(["visual", "encoder_mask", "k_0", "ctx_v_1", "in_pixel_values", "prompt"])
    status, report = run(_edited(tmp_path, "droid", **absent))
    assert status == 0
    assert not absent.keys() & report["max_abs"].keys()


def test_a_golden_of_training_is_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(GoldenError, match="training step"):
        run(_edited(tmp_path, "droid", flow_loss=np.zeros(1)))


def test_depth_reasoning_equals_the_reference_on_both_frames(run: Run) -> None:
    status, report = run(_golden("depth"), checkpoint=THINK)
    assert (status, report["kind"], report["ok"]) == (0, "depth", True)
    assert all(figure < 1e-4 for figure in report["max_abs"].values())
    with np.load(_golden("depth")) as file:
        inputs = {"a_noise", "b_noise", "b_raw_image_0"}
        assert set(report["max_abs"]) == {key for key in file.files if not key.startswith("raw_")} - inputs


def _first_flipped(values: np.ndarray) -> np.ndarray:
    values.flat[0] = not values.flat[0]
    return values


@pytest.mark.parametrize(("key", "wrong"), [("a_depth", 1), ("b_gen", 1), ("b_mask", 1)])
def test_a_wrong_code_token_or_mark_of_depth_reasoning_fails(run: Run, tmp_path: Path, key: str, wrong: int) -> None:
    status, report = run(_edited(tmp_path, "depth", **{key: _first_flipped}), checkpoint=THINK)
    assert (status, report["max_abs"][key]) == (1, wrong)


def test_a_slip_in_the_depth_gate_fails_the_context_and_the_actions(run: Run, tmp_path: Path) -> None:
    # The context's norm takes out what a gate scales by, but for its epsilon: only a gate that is shut shows.
    shutil.copytree(THINK, tmp_path, dirs_exist_ok=True)
    tensors = load_file(tmp_path / "model.safetensors")
    tensors["model.action_expert_depth_gate.1.bias"] -= 12
    save_file(tensors, tmp_path / "model.safetensors")
    status, report = run(_golden("depth"), checkpoint=tmp_path)
    failed = {key for key, figure in report["max_abs"].items() if figure > 1e-4}
    assert status == 1
    seams = {f"{frame}_{seam}" for frame in "ab" for seam in ("ctx_k_1", "ctx_v_1", "actions")}
    assert failed == seams


def test_a_golden_of_depth_needs_a_checkpoint_with_depth(run: Run) -> None:
    with pytest.raises(GoldenError, match=r"config\.json has no depth tokens"):
        run(_golden("depth"))


def test_a_golden_of_depth_without_its_mask_is_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(GoldenError, match="not a depth golden: it lacks b_mask"):
        run(_edited(tmp_path, "depth", b_mask=None), checkpoint=THINK)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut short"])
def test_a_file_that_is_no_golden_is_refused(run: Run, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "golden.npz").write_bytes(content)
    with pytest.raises(GoldenError, match=r"golden\.npz is not a readable \.npz file"):
        run(tmp_path / "golden.npz")


def test_a_golden_that_does_not_exist_is_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(GoldenError, match="does not exist"):
        run(tmp_path / "none.npz")


def test_a_golden_of_a_checkpoint_of_other_sizes_is_refused(run: Run, tmp_path: Path) -> None:
    golden = _edited(tmp_path, "droid", visual=np.zeros((18, 60), np.float32))
    with pytest.raises(
        GoldenError, match=r"prefill cannot run on the golden's values .* belongs to another checkpoint"
    ):
        run(golden)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("droid", {"raw_image_1": None, "raw_image_2": np.zeros((5, 5, 3), np.uint8)}, "2 images .* lacks raw_image_1"),
        ("droid", {"actions": np.zeros(8, np.float32)}, r"actions must be floating-point numbers of .* \(8,\)"),
        ("droid", {"actions": np.zeros((1, 0, 8), np.float32)}, r"numbers\), but is float32 of \(1, 0, 8\)"),
        ("droid", {"noise": np.zeros(5, np.float32)}, r"noise must be .* but is float32 of \(5,\)"),
        ("droid", {"noise": np.zeros((1, 15, 31), np.float32)}, "15 steps of 31 numbers, .* at most 30 of 32"),
        ("droid", {"noise": np.zeros((1, 40, 32), np.float32)}, "40 steps of 32 numbers, .* at most 30 of 32"),
        ("droid", {"step_x": np.float32(3)}, r"step_x must be .* but is float32 of \(\)"),
        ("droid", {"in_input_ids": np.zeros((2, 9), int)}, r"in_input_ids must be integers of the shape \(1, tokens\)"),
        ("droid", {"encoder_mask": np.asarray("x")}, "project_context cannot run on the golden's values .*damaged or"),
        ("droid", {"raw_state": np.asarray("x")}, "process cannot run on the golden's values"),
        ("discrete", {"generated": np.zeros(3, int)}, r"generated must be integers .* but is int64 of \(3,\)"),
        ("discrete", {"generated": np.zeros((1, 0), int)}, r"generated must be integers .* but is int64 of \(1, 0\)"),
    ],
)
def test_a_golden_of_wrong_sizes_or_types_is_refused_in_one_sentence(
    run: Run, tmp_path: Path, name: str, changes: dict, message: str
) -> None:
    with pytest.raises(GoldenError, match=message) as refused:
        run(_edited(tmp_path, name, **changes))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("length", [1, 2, 3])
def test_an_answer_without_action_is_not_blamed_on_the_checkpoint(run: Run, tmp_path: Path, length: int) -> None:
    with pytest.raises(GoldenError, match=f"the answer of {length} tokens holds no action token") as refused:
        run(_edited(tmp_path, "discrete", generated=np.zeros((1, length), int)))
    assert "another checkpoint" not in str(refused.value)


def test_a_processor_of_another_image_size_than_the_networks_is_refused(run: Run, tmp_path: Path) -> None:
    folder = shutil.copytree(TINY, tmp_path / "checkpoint")
    image = json.loads((folder / "processor_config.json").read_text())["image_processor"]
    _set(folder / "processor_config.json", image_processor=image | {"size": {"height": 84, "width": 84}})
    with pytest.raises(GoldenError, match=r"makes images of \(84, 84\) .* takes \(70, 70\) in patches of 14"):
        run(_golden("droid"), checkpoint=folder)


def test_actions_from_tokens_start_at_the_newest_observation(run: Run, tmp_path: Path) -> None:
    folder = shutil.copytree(TINY, tmp_path / "checkpoint")
    _set(folder / "config.json", n_obs_steps=3)
    tag = Processor.load(TINY).stats.tag("libero")
    chunk = np.random.default_rng(7).uniform(-1, 1, (1, tag.action_horizon, 7))
    golden = _edited(tmp_path, "discrete", actions=tag.action.unnormalize(chunk[:, 2:]))
    assert run(golden, checkpoint=folder)[0] == 0


def test_a_golden_without_its_raw_inputs_is_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(GoldenError, match="continuous golden: it lacks raw_state, noise"):
        run(_edited(tmp_path, "droid", raw_state=None, noise=None))


def test_actions_are_judged_by_the_range_of_their_dimension() -> None:
    wanted = np.stack((np.linspace(0, 1, 10), np.linspace(0, 100, 10)), axis=1)[None].astype(np.float32)
    wide_off = wanted + np.array([0, 5e-4], np.float32)
    narrow_off = wanted + np.array([5e-4, 0], np.float32)
    assert compare("actions", wide_off, wanted, "float32").ok
    assert not compare("actions", narrow_off, wanted, "float32").ok
    assert compare("actions", narrow_off, wanted, "bfloat16").ok


def test_actions_of_a_constant_dimension_may_differ_by_rounding_only() -> None:
    wanted = np.full((1, 10, 1), 3.0, np.float32)
    assert compare("actions", np.nextafter(wanted, np.float32(4)), wanted, "float32").ok
    assert not compare("actions", wanted + np.float32(1e-5), wanted, "float32").ok


def test_actions_of_a_single_row_are_judged_by_the_training_range() -> None:
    wanted = np.array([[[3.0, 3.0]]], np.float32)
    training_range = np.array([100, 1], np.float32)
    assert compare("actions", wanted + np.float32([9e-5, 0]), wanted, "float32", training_range).ok
    assert not compare("actions", wanted + np.float32([1.1e-4, 0]), wanted, "float32", training_range).ok
    assert not compare("actions", wanted + np.float32([0, 2e-6]), wanted, "float32", training_range).ok


def test_bfloat16_actions_may_also_differ_by_the_rounding_of_their_value() -> None:
    wanted = np.array([[[100.0], [101.0]]], np.float32)
    step = 2**-8 * wanted + 0.02 + 0.02
    assert compare("actions", wanted + 0.99 * step, wanted, "bfloat16").ok
    assert not compare("actions", wanted + 1.01 * step, wanted, "bfloat16").ok


@pytest.mark.parametrize(("rms", "tolerance"), [(0.01, 1e-4), (1.0, 1e-4), (30.0, 3e-3)])
def test_float32_seams_are_judged_by_their_rms_where_it_is_above_one(rms: float, tolerance: float) -> None:
    wanted = np.tile([rms, -rms], 50)
    assert compare("visual", wanted + 0.99 * tolerance, wanted, "float32").ok
    assert not compare("visual", wanted + 1.01 * tolerance, wanted, "float32").ok


def test_bfloat16_seams_are_judged_by_their_rms() -> None:
    wanted = np.full(100, 10.0, np.float32)
    assert compare("k_0", wanted + 0.29, wanted, "bfloat16").ok
    assert not compare("k_0", wanted + 0.31, wanted, "bfloat16").ok


def test_bfloat16_image_vectors_have_a_little_more_room() -> None:
    wanted = np.full(100, 10.0, np.float32)
    assert compare("visual", wanted + 0.39, wanted, "bfloat16").ok
    assert not compare("visual", wanted + 0.41, wanted, "bfloat16").ok


def test_a_bfloat16_seam_may_have_outliers_up_to_its_rms() -> None:
    wanted, outlier = np.full(10_000, 10.0), np.zeros(10_000)
    outlier[7] = 1.0
    assert compare("k_0", wanted + 9.9 * outlier, wanted, "bfloat16").ok
    assert not compare("k_0", wanted + 10.1 * outlier, wanted, "bfloat16").ok


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_mask_is_not_excused_by_its_large_numbers(dtype: str) -> None:
    wanted = np.where(np.tri(9, dtype=bool), 0.0, np.finfo(np.float32).min)
    assert compare("prefill_bias", wanted, wanted, dtype).ok
    assert not compare("prefill_bias", wanted + 1e-3 * (wanted == 0), wanted, dtype).ok


def test_numbers_and_text_are_not_comparable() -> None:
    assert compare("prompt", np.asarray("7"), np.asarray(7.0), "float32").max_abs is None


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_number_that_is_none_never_passes(value: float) -> None:
    difference = compare("k_0", np.array([0.0, value]), np.zeros(2), "float32")
    assert (difference.max_abs, difference.ok) == (None, False)


def test_the_last_line_is_one_json_object_after_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    parity.add_parser(parser.add_subparsers())
    args = parser.parse_args(["parity", "--checkpoint", str(TINY), "--golden", str(_golden("discrete"))])
    assert args.run(args) == 0
    *table, last = capsys.readouterr().out.splitlines()
    assert set(json.loads(last)) == {"kind", "dtype", "max_abs", "ok"}
    assert any("generated" in line for line in table)
