# SPDX-License-Identifier: Apache-2.0
"""`molmoact2 depth-codes` and `fit-depth`: what they write, what they say, how they end."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from molmoact2_ros.cli.main import main
from molmoact2_ros.model.depth_vae import DepthCodec, DepthVae, DepthVaeConfig, MetricScale, write_codec

SIZES = DepthVaeConfig(image_px=80, halvings=3, first_width=4, blocks=1, num_codes=128, code_width=8)
SLOPE_M = np.linspace(0.5, 2.5, 60, dtype=np.float32)[:, None].repeat(80, axis=1)


def _codec(folder: Path, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    write_codec(folder, DepthVae(SIZES), MetricScale(0.2, 3.5), {})
    return folder


def _folder(folder: Path) -> Path:
    """Three frames: PNG, PNG with a hole, NPY; and something else."""
    folder.mkdir()
    millimetres = (SLOPE_M * 1000).astype(np.uint16)
    Image.fromarray(millimetres).save(folder / "a.png")
    millimetres[:6] = 0
    Image.fromarray(millimetres).save(folder / "b.png")
    np.save(folder / "c.npy", SLOPE_M)
    (folder / "notes.txt").write_text("sunny")
    return folder


def _error(capsys, *arguments: object) -> str:
    assert main(["depth-codes", *map(str, arguments)]) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    return error


def test_folder_becomes_a_file_of_codes_that_says_how_they_were_made(tmp_path, capsys):
    codec, out = _codec(tmp_path / "codec"), tmp_path / "codes.json"
    assert main(["depth-codes", str(_folder(tmp_path / "in")), "--codec", str(codec), "--out", str(out)]) == 0
    facts = json.loads(out.read_text())
    assert facts["codec"] == DepthCodec.load(codec).name
    assert facts["scale"] == {"kind": "metric", "near_m": 0.2, "far_m": 3.5}
    assert [Path(frame["file"]).name for frame in facts["frames"]] == ["a.png", "b.png", "c.npy"]
    assert [frame["missing"] for frame in facts["frames"]] == [0.0, 0.1, 0.0]
    assert {frame["outside"] for frame in facts["frames"]} == {0.0}
    assert facts["frames"][2]["codes"] == DepthCodec.load(codec).encode(SLOPE_M).ravel().tolist()
    assert f"wrote {out}: 3 frames" in capsys.readouterr().out


def test_a_frame_that_cannot_be_used_is_left_out_and_named_and_the_others_are_kept(tmp_path, capsys):
    codec, folder, out = _codec(tmp_path / "codec"), _folder(tmp_path / "in"), tmp_path / "codes.json"
    (folder / "b.png").write_bytes((folder / "b.png").read_bytes()[:200])
    np.save(folder / "d.npy", np.full_like(SLOPE_M, np.nan))
    assert main(["depth-codes", str(folder), "--codec", str(codec), "--out", str(out)]) == 1
    assert [Path(frame["file"]).name for frame in json.loads(out.read_text())["frames"]] == ["a.png", "c.npy"]
    said = capsys.readouterr()
    assert [line.split(":")[0] for line in said.err.splitlines()] == ["left out", "left out"]
    assert "b.png cannot be read" in said.err
    assert "d.npy: 100 % of the pixels have no depth" in said.err
    assert f"wrote {out}: 2 frames" in said.out


def test_codes_decode_to_depth_in_metres_and_a_png_in_millimetres(tmp_path):
    codec, codes, out = str(_codec(tmp_path / "codec")), str(tmp_path / "codes.npz"), tmp_path / "out"
    assert main(["depth-codes", str(_folder(tmp_path / "in")), "--codec", codec, "--out", codes]) == 0
    assert main(["depth-codes", codes, "--decode", "--codec", codec, "--out", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == [f"{n}_depth.{s}" for n in "abc" for s in ("npy", "png")]
    depth_m = np.load(out / "c_depth.npy")
    np.testing.assert_array_equal(depth_m, DepthCodec.load(codec).decode(DepthCodec.load(codec).encode(SLOPE_M)))
    with Image.open(out / "c_depth.png") as image:
        np.testing.assert_allclose(np.asarray(image) / 1000, depth_m, atol=1e-3)


def test_shipped_codec_gives_a_slope_back_within_a_few_centimetres(tmp_path):
    np.save(tmp_path / "map.npy", SLOPE_M[::-1])  # as a table lies before a camera
    codes, out = str(tmp_path / "codes.json"), tmp_path / "out"
    assert main(["depth-codes", str(tmp_path / "map.npy"), "--out", codes]) == 0
    assert main(["depth-codes", codes, "--decode", "--out", str(out)]) == 0
    rows_m = np.load(out / "map_depth.npy").mean(axis=1)
    assert np.abs(rows_m - np.linspace(2.5, 0.5, len(rows_m))).mean() < 0.15


def test_depth_outside_the_range_of_the_codec_is_reported(tmp_path):
    codec, out = str(_codec(tmp_path / "codec")), tmp_path / "codes.json"
    far = SLOPE_M.copy()
    far[:15] = 9.0
    np.save(tmp_path / "far.npy", far)
    assert main(["depth-codes", str(tmp_path / "far.npy"), "--codec", codec, "--out", str(out)]) == 0
    assert json.loads(out.read_text())["frames"][0]["outside"] == 0.25


def test_codes_of_another_codec_are_not_decoded(tmp_path, capsys):
    codes = tmp_path / "codes.json"
    codec, other = _codec(tmp_path / "codec"), _codec(tmp_path / "other", seed=1)
    main(["depth-codes", str(_folder(tmp_path / "in")), "--codec", str(codec), "--out", str(codes)])
    capsys.readouterr()
    error = _error(capsys, codes, "--decode", "--codec", other, "--out", tmp_path / "out")
    assert "was made with the codec codec@" in error
    assert "--rank" in error
    assert not (tmp_path / "out").exists()


def test_ranks_need_no_codec(tmp_path):
    codec, codes, out = _codec(tmp_path / "codec"), tmp_path / "codes.json", tmp_path / "out"
    main(["depth-codes", str(_folder(tmp_path / "in")), "--codec", str(codec), "--out", str(codes)])
    assert main(["depth-codes", str(codes), "--decode", "--rank", "--out", str(out)]) == 0
    with Image.open(out / "a_codes.png") as image:
        assert image.size == (320, 320)
    grid = np.array(json.loads(codes.read_text())["frames"][0]["codes"]).reshape(10, 10)
    with Image.open(out / "a_codes.png") as image:
        colours = np.asarray(image)[16::32, 16::32]
    assert len(np.unique(colours.reshape(-1, colours.shape[-1]), axis=0)) == len(np.unique(grid))


def test_frames_of_one_name_in_two_folders_do_not_overwrite_each_other(tmp_path):
    codec, codes, out = str(_codec(tmp_path / "codec")), str(tmp_path / "codes.json"), tmp_path / "out"
    for name in ("left", "right"):
        _folder(tmp_path / name)
    main(["depth-codes", str(tmp_path / "left"), str(tmp_path / "right"), "--codec", codec, "--out", codes])
    assert main(["depth-codes", codes, "--decode", "--rank", "--out", str(out)]) == 0
    assert len(list(out.iterdir())) == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{in}", "--out", "{in}.csv"], "a file of depth codes ends in .json or .npz"),
        (["{in}/nothing.png", "--out", "{in}.json"], "there is no "),
        (["{in}/notes.txt", "--out", "{in}.json"], "expected files that end in .png, .npy, found none"),
        (["{in}", "--out", "{in}.json", "--codec", "{in}"], "is no depth codec: expected config.json"),
        (["{in}", "--out", "{in}.json", "--codec", "/nowhere"], "there is no depth codec /nowhere"),
        (["{in}", "--out", "{in}.json", "--unit", "0"], "--unit must be a positive number of metres, got 0.0"),
        (["{in}", "--out", "{in}.json", "--rank"], "it goes with --decode"),
        (["{in}", "--out", "{in}.json", "--teacher-model", "x"], "goes with --teacher depth-anything"),
        (["{in}/a.png", "--decode", "--out", "{in}"], "a file of depth codes ends in"),
        (["{in}/a.png", "{in}/b.png", "--decode", "--out", "{in}"], "takes one file of codes, got 2"),
        (["{in}", "--out", "{in}.json", "--device", "abacus"], "device 'abacus'"),
    ],
)
def test_bad_input_ends_in_one_sentence(tmp_path, capsys, arguments, message):
    folder = str(_folder(tmp_path / "in"))
    assert message in _error(capsys, *(argument.replace("{in}", folder) for argument in arguments))


def test_teacher_without_transformers_says_what_to_install(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "a.png")
    error = _error(capsys, tmp_path, "--teacher", "depth-anything", "--out", tmp_path / "codes.json")
    assert "pip install transformers" in error


@pytest.mark.sim
def test_fit_depth_writes_a_codec_its_errors_and_a_plot(tmp_path, capsys):
    pytest.importorskip("mujoco", reason="needs MuJoCo: pip install mujoco")
    out, plot = tmp_path / "codec", tmp_path / "plot.png"
    arguments = ["--embodiment", "so101", "--maps", "3", "--held-out", "2", "--steps", "2", "--batch", "2"]
    status = main(["fit-depth", "--out", str(out), "--plot", str(plot), *arguments])
    printed = capsys.readouterr()
    if "camera images need EGL" in printed.err:
        pytest.skip("needs EGL")
    assert status == 0
    assert printed.out.endswith(f"wrote {out}\n")
    facts = json.loads((out / "config.json").read_text())
    assert facts["fitted_to"] == {"robots": ["so101"], "maps": 3, "steps": 2, "batch": 2, "seed": 0}
    assert set(facts["held_out"]) == {"so101", "all"}
    assert DepthCodec.load(out).is_metric
    with Image.open(plot) as image:
        assert image.size[0] > 600


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--maps", "0"], "expected at least 1 map"),
        (["--seed", "-1"], "a seed of 0 or more"),
        (["--embodiment", "nonsense"], "unknown embodiment 'nonsense'"),
    ],
)
def test_fit_depth_refuses_bad_input_in_one_sentence(tmp_path, capsys, arguments, message):
    assert main(["fit-depth", "--out", str(tmp_path / "out"), *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


def test_fit_depth_leaves_folders_of_others_alone(tmp_path, capsys):
    (tmp_path / "thesis.tex").write_text("precious")
    assert main(["fit-depth", "--out", str(tmp_path)]) == 2
    assert "was not written by `molmoact2 fit-depth`" in capsys.readouterr().err
