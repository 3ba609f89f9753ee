# SPDX-License-Identifier: Apache-2.0
"""The words around an observation: task normalisation, state tokens and the prompt template.

The network was trained on exactly these strings, so every space counts.

Source: allenai/molmoact2 modeling code (robot prompt); checked against stored reference outputs.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from .errors import ProcessingError

IMAGE_PLACEHOLDER = "<|image|>"

_SURROUNDING = "\"'`“”‘’[](){}"
_SENTENCE_ENDS = ".,!?;:,…"
_CLOSERS = "\"'”’)]}"
_LABEL = re.compile(r"^(?:task|instruction|language[ _]instruction|goal)\s*[:-]\s*", re.IGNORECASE)
_LEAD_IN = re.compile(r"^(?:the|your)\s+task\s+is\s+to\s+", re.IGNORECASE)

_ACTION_QUESTION = "what action should the robot take to complete the task?"
_DEPTH_QUESTION = (
    "first predict the depth map of the main image"
    " and then predict the action the robot should take to complete the task?"
)


def normalize_task(text: str) -> str:
    """Bring an instruction into the form of the training texts: one lower-case clause without labels or full stops.

    Args:
        text: what the operator typed.

    Returns:
        The normalised task; empty when nothing but punctuation and labels was given.
    """
    task = " ".join(text.split())
    previous = None
    while task != previous:
        previous = task
        task = _strip_decoration(task)
    sentences = [sentence.strip() for sentence in re.split(r"[.!?]+", task) if sentence.strip()]
    return ("; ".join(sentences) if len(sentences) > 1 else task).lower()


def _strip_decoration(task: str) -> str:
    task = task.strip().strip(_SURROUNDING).strip()
    task = _LABEL.sub("", task).strip()
    task = _LEAD_IN.sub("", task).strip()
    for unwanted in (_SENTENCE_ENDS, _CLOSERS, _SENTENCE_ENDS):
        task = task.rstrip(unwanted).rstrip()
    return task


def state_text(state: NDArray[np.float32], num_state_tokens: int) -> str:
    """Write a normalised state as state tokens.

    Args:
        state: float32 [D], normalised; values outside -1 to 1 take the outermost token.
        num_state_tokens: number of levels between -1 and 1.

    Returns:
        The start marker, one token per dimension, the end marker.

    Raises:
        ProcessingError: the state is no vector, or a value is not finite.
    """
    if state.ndim != 1 or not np.isfinite(state).all():
        raise ProcessingError(f"A state must be one finite vector, not {state.tolist()}; check the joint readings.")
    unit = (np.clip(state.astype(np.float32), -1, 1) + 1) / 2
    levels = np.rint(unit * np.float32(num_state_tokens - 1)).astype(int)
    return "<state_start>" + "".join(f"<state_{level}>" for level in levels) + "<state_end>"


def mark(text: str, kind: str) -> str:
    """Put `text` between the start and end token of `kind` ("setup" or "control"), once; an empty one stays empty."""
    start, end = f"<{kind}_start>", f"<{kind}_end>"
    if not text or (text.startswith(start) and text.endswith(end)):
        return text
    return f"{start}{text}{end}"


def build_prompt(task: str, setup: str, control: str, state: str, num_images: int, *, depth: bool = False) -> str:
    """Fill the prompt template.

    Args:
        task: normalised task.
        setup: setup text, already between its tokens where the checkpoint wants them.
        control: control mode, likewise.
        state: state tokens; when empty the state sentence is left out.
        num_images: number of image placeholders.
        depth: ask for a depth map before the action.

    Returns:
        The prompt up to the token that triggers the answer, with one placeholder per image.
    """
    state_sentence = f" The current state of the robot is {state}." if state else ""
    question = _DEPTH_QUESTION if depth else _ACTION_QUESTION
    trigger = "<depth_output><action_output>" if depth else "<action_output>"
    return (
        f"{_image_prefix(num_images)}<|im_start|>user\n"
        f"The task is to {task}. The setup is {setup}.{state_sentence}"
        f" The expected control mode is {control}. Given these, {question}<|im_end|>\n"
        f"<|im_start|>assistant\n{trigger}"
    )


def _image_prefix(num_images: int) -> str:
    if num_images == 1:
        return IMAGE_PLACEHOLDER
    return "".join(f"Image {number}{IMAGE_PLACEHOLDER}" for number in range(1, num_images + 1))
