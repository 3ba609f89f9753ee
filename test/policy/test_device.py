# SPDX-License-Identifier: Apache-2.0
"""Device and precision: what `auto` means, and what a machine without a GPU says."""

from __future__ import annotations

import pytest

from molmoact2_ros.policy.device import choose_device, choose_dtype
from molmoact2_ros.policy.policy import PolicyError


def test_an_unknown_device_is_refused_with_the_known_ones() -> None:
    with pytest.raises(PolicyError, match="expected auto, cpu, cuda"):
        choose_device("tpu-of-mine")


def test_cuda_without_a_gpu_is_refused_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert choose_device("auto") == "cpu"
    with pytest.raises(PolicyError, match="use device cpu"):
        choose_device("cuda")


@pytest.mark.parametrize(
    ("wanted", "device", "chosen"),
    [("auto", "cpu", "float32"), ("auto", "cuda:0", "bfloat16"), ("float32", "cuda", "float32")],
)
def test_precision_follows_the_device_unless_it_is_given(wanted: str, device: str, chosen: str) -> None:
    assert choose_dtype(wanted, device) == chosen
