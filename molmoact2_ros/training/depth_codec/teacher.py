# SPDX-License-Identifier: Apache-2.0
"""Estimate the depth of images, for data that has colours only: Depth Anything V2, through transformers.

MolmoAct's labels come from its ViT-B at an input of 518 pixels, which is the default here. It gives relative nearness;
its metric relatives (`Depth-Anything-V2-Metric-...`) estimate metres. transformers is imported when a teacher is made:
nothing else here needs it.

The public label programs hand it the image through OpenCV's resize; transformers resizes by itself. The two differ by
rounding, so a few labels may differ from MolmoAct's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

DEPTH_ANYTHING = "depth-anything/Depth-Anything-V2-Base-hf"


class TeacherError(ValueError):
    """Say in one sentence why there is no teacher, and what to do."""


@dataclass(frozen=True, eq=False)
class DepthTeacher:
    """A network that estimates depth from one image.

    Attributes:
        name: hub id or folder, with the commit where it is known.
        is_metric: whether it estimates metres rather than relative nearness.
    """

    name: str
    is_metric: bool
    _processor: Any
    _network: Any

    @classmethod
    def load(cls, name: str = DEPTH_ANYTHING, device: str = "cpu") -> DepthTeacher:
        """Load a teacher by hub id or folder; the hub is asked once, then its cache serves.

        Raises:
            TeacherError: transformers is missing, or has no depth network of that name.
        """
        try:
            from transformers import AutoImageProcessor, AutoModelForDepthEstimation
        except ImportError as error:
            raise TeacherError(
                f"the depth teacher needs transformers ({error}): pip install transformers, or give depth images "
                "instead of colour images"
            ) from error
        try:
            processor = AutoImageProcessor.from_pretrained(name)
            network = AutoModelForDepthEstimation.from_pretrained(name).to(device).eval()
        except (OSError, ValueError) as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise TeacherError(
                f"the depth teacher {name} cannot be loaded ({reason}): check its name and the connection to the hub, "
                "or give the folder of a copy"
            ) from error
        commit = getattr(network.config, "_commit_hash", None)
        kind = getattr(network.config, "depth_estimation_type", "relative")
        return cls(f"{name}@{commit[:12]}" if commit else name, kind == "metric", processor, network)

    @torch.inference_mode()
    def estimate(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return depth in m if `is_metric`, else relative nearness, [H, W].

        Args:
            image: uint8 [H, W, 3], RGB.
        """
        inputs = self._processor(images=image, return_tensors="pt").to(self._network.device)
        outputs = self._network(**inputs)
        (result,) = self._processor.post_process_depth_estimation(outputs, target_sizes=[image.shape[:2]])
        depth: NDArray[np.float32] = result["predicted_depth"].float().cpu().numpy()
        return depth
