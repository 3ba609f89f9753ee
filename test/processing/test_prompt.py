# SPDX-License-Identifier: Apache-2.0
"""Pins the words that the network was trained on; the parity tests compare whole prompts with the reference."""

import numpy as np
import pytest

from molmoact2_ros.processing.errors import ProcessingError
from molmoact2_ros.processing.prompt import build_prompt, mark, normalize_task, state_text


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Pick up the cup", "pick up the cup"),
        ("  pick\tup \n the cup. ", "pick up the cup"),
        ("Task: Pick up the red Cube.  Then place it!", "pick up the red cube; then place it"),
        ("Language_Instruction - open the drawer", "open the drawer"),
        ("language instruction: open the drawer", "open the drawer"),
        ("goal:Your task is to wipe the table?!", "wipe the table"),
        ("“The task is to stack the blocks.”", "stack the blocks"),
        ("[ ( 'close it' ) ].", "close it"),
        ("put it (gently)", "put it (gently"),
        ("task: task: fold", "fold"),
        ("wait... what", "wait; what"),
        ("goal: task: },", "task"),  # one pass takes the closing bracket before the next looks for a label
        ("taskbar: open", "taskbar: open"),
        (" “.” ", ""),
        ("Task:", ""),
        ("", ""),
    ],
)
def test_task_is_normalised_as_in_training(given: str, expected: str) -> None:
    assert normalize_task(given) == expected


def test_state_tokens_span_minus_one_to_one_and_round_half_to_even() -> None:
    state = np.array([-1, 1, 0, 0.5 / 127.5, -7, 7], dtype=np.float32)
    assert state_text(state, 256) == (
        "<state_start><state_0><state_255><state_128><state_128><state_0><state_255><state_end>"
    )


@pytest.mark.parametrize("state", [np.array([np.nan]), np.array([np.inf]), np.zeros((1, 2))])
def test_state_text_refuses_what_is_no_finite_vector(state: np.ndarray) -> None:
    with pytest.raises(ProcessingError, match="finite vector"):
        state_text(state, 256)


def test_mark_puts_text_between_tokens_once() -> None:
    assert mark("arm", "setup") == "<setup_start>arm<setup_end>"
    assert mark("<setup_start>arm<setup_end>", "setup") == "<setup_start>arm<setup_end>"


@pytest.mark.parametrize("kind", ["setup", "control"])
def test_an_empty_text_is_not_marked(kind: str) -> None:
    assert mark("", kind) == ""


def test_prompt_of_one_image_has_no_number() -> None:
    assert build_prompt("push", "arm", "pose", "<s>", 1) == (
        "<|image|><|im_start|>user\nThe task is to push. The setup is arm. The current state of the robot is <s>. "
        "The expected control mode is pose. Given these, what action should the robot take to complete the task?"
        "<|im_end|>\n<|im_start|>assistant\n<action_output>"
    )


def test_prompt_numbers_several_images_without_separators() -> None:
    prompt = build_prompt("push", "arm", "pose", "<s>", 3)
    assert prompt.startswith("Image 1<|image|>Image 2<|image|>Image 3<|image|><|im_start|>user\n")


def test_prompt_without_state_leaves_the_state_sentence_out() -> None:
    prompt = build_prompt("push", "arm", "pose", "", 1)
    assert "The setup is arm. The expected control mode is pose." in prompt


def test_prompt_with_depth_asks_for_the_map_first() -> None:
    prompt = build_prompt("push", "arm", "pose", "<s>", 2, depth=True)
    assert prompt.endswith(
        "Given these, first predict the depth map of the main image and then predict the action the robot should take"
        " to complete the task?<|im_end|>\n<|im_start|>assistant\n<depth_output><action_output>"
    )
