# SPDX-License-Identifier: Apache-2.0
"""`molmoact2 tiny-checkpoint` and `fit-demo`: what they print and how they end."""

import pytest

from molmoact2_ros.cli.main import main
from molmoact2_ros.model.config import MolmoAct2Config


def test_tiny_checkpoint_writes_what_was_asked_for(tmp_path, capsys):
    out = tmp_path / "tiny"
    assert main(["tiny-checkpoint", "--out", str(out), "--layers", "2", "--think"]) == 0
    config = MolmoAct2Config.load(out)
    assert (config.language.num_layers, config.has_depth_gate) == (2, True)
    assert capsys.readouterr().out == f"wrote {out}\n"


@pytest.mark.parametrize("command", ["tiny-checkpoint", "fit-demo"])
def test_a_folder_of_another_node_ends_in_one_sentence(tmp_path, capsys, command):
    (tmp_path / "thesis.tex").write_text("precious")
    assert main([command, "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {tmp_path} is not empty and was not written by `molmoact2 {command}`")
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tiny-checkpoint", "--layers", "0"], "error: expected at least 1 layer, got 0\n"),
        (["tiny-checkpoint", "--seed", "-1"], "error: expected a seed of 0 or more, got -1\n"),
        (["fit-demo", "--steps", "0"], "error: expected at least 1 robot, 1 step and 1 example"),
        (["fit-demo", "--embodiment", "nonsense"], "error: unknown embodiment 'nonsense'"),
        (["fit-demo", "--device", "abacus"], "error: device 'abacus'"),
    ],
)
def test_bad_input_ends_in_one_sentence(tmp_path, capsys, arguments, message):
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.startswith(message)
    assert len(error.splitlines()) == 1


def test_fit_demo_writes_a_checkpoint(tmp_path, capsys):
    out = tmp_path / "demo"
    assert main(["fit-demo", "--out", str(out), "--embodiment", "droid", "--steps", "1", "--batch", "2"]) == 0
    assert MolmoAct2Config.load(out).expert.num_heads == 2
    assert capsys.readouterr().out.endswith(f"wrote {out}\n")
