# SPDX-License-Identifier: Apache-2.0
"""Show people the depth maps of a policy that reasons in depth. Nothing that moves the robot waits for it.

Topics (relative):
    in   depth                   DepthMap                reliable 1
    in   observation             Observation             reliable 1; which frame a map is about
    in   the first camera's      sensor_msgs/Image, or   best effort 2; what is drawn over
         image                   CompressedImage
    out  depth/image             sensor_msgs/Image       reliable 1; codes over the first camera's frame
    with depth_decoder, what the codes stand for: see `decoded_depth`

Nothing is drawn or decoded but while its topic is subscribed. A map that is not the decoder's is not decoded, and
/diagnostics says why.

Run: ros2 run molmoact2_ros depth_viewer --ros-args -p embodiment:=droid -p depth_decoder:=FOLDER
"""

from __future__ import annotations

import sys
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sensor_msgs.msg import CompressedImage, Image

from molmoact2_ros.embodiment import Camera, Embodiment
from molmoact2_ros.msg import DepthMap, Observation
from molmoact2_ros.perception import MOST_GRID, PerceptionError
from molmoact2_ros.ros import qos
from molmoact2_ros.ros.conversions import stamp_ns
from molmoact2_ros.ros.lifecycle import OK, WARN, Molmoact2Node, Report, run
from molmoact2_ros.ros.observation_conversions import (
    COMPRESSED_TRANSPORT,
    RAW_TRANSPORT,
    frame_from_compressed,
    frame_from_image,
)
from molmoact2_ros.schema import param

from .decoded_depth import DecodedDepth
from .depth_images import DepthImages

if TYPE_CHECKING:
    from molmoact2_ros.model.depth_vae import DepthCodec

KEPT_OBSERVATIONS = 30  # two seconds at 15 Hz: a slow policy is still thinking about the first of them
COMPLAINT_PERIOD_S = 10.0


@dataclass(frozen=True)
class DepthViewerParams:
    """Parameters of the depth viewer."""

    embodiment: str = param("droid", "Robot: name of a shipped embodiment, or path of an embodiment file")
    image_transport: str = param(RAW_TRANSPORT, "What the camera drivers send, as perception has it: raw or compressed")
    depth_decoder: str = param(
        "",
        "What decodes depth codes: vae-final.pt of allenai/MolmoAct-7B-D-0812, or a folder of `molmoact2 fit-depth`; "
        "empty: nothing, codes are drawn alone",
    )
    cpu_threads: int = param(1, "Threads of the decoder, which runs on the CPU", low=1, high=256)


class DepthViewerNode(Molmoact2Node[DepthViewerParams]):
    """Lifecycle node around what draws depth maps, and what decodes them."""

    def __init__(self) -> None:
        super().__init__("depth_viewer", DepthViewerParams)

    def _setup(self) -> None:
        if self.params.image_transport not in (RAW_TRANSPORT, COMPRESSED_TRANSPORT):
            raise ValueError(f"image_transport: expected raw or compressed, got {self.params.image_transport!r}")
        camera = Embodiment.load(self.params.embodiment).cameras[0]
        self._observations: deque[Observation] = deque(maxlen=KEPT_OBSERVATIONS)
        self._shown, self._problem = 0, ""
        codec = self._load_codec() if self.params.depth_decoder else None
        self._images = DepthImages(self.publisher(Image, "depth/image", qos.STATUS), camera.rotate_deg)
        self._decoded = DecodedDepth(self, codec, camera) if codec is not None else None
        self._subscribe_to(camera)
        self.subscription(Observation, "observation", self._on_observation, qos.OBSERVATION)
        self.subscription(DepthMap, "depth", self._on_depth, qos.STATUS)

    def _load_codec(self) -> DepthCodec:
        # torch takes seconds to import: only where there is something to decode.
        from molmoact2_ros.model.depth_vae import DepthCodec
        from molmoact2_ros.policy.device import limit_cpu_threads

        limit_cpu_threads(self.params.cpu_threads)
        return DepthCodec.load(self.params.depth_decoder)

    def _subscribe_to(self, camera: Camera) -> None:
        if self.params.image_transport == COMPRESSED_TRANSPORT:
            self.subscription(CompressedImage, f"{camera.topic}/compressed", self._on_compressed, qos.CAMERA)
        else:
            self.subscription(Image, camera.topic, self._on_image, qos.CAMERA)

    # Callbacks, all in the executor's thread.

    def _on_image(self, message: Image) -> None:
        self._images.keep(frame_from_image(message, self.steady_now_ns()))

    def _on_compressed(self, message: CompressedImage) -> None:
        self._images.keep(frame_from_compressed(message, self.steady_now_ns()))

    def _on_observation(self, message: Observation) -> None:
        is_wanted = self._images.is_wanted or (self._decoded is not None and self._decoded.is_wanted)
        if is_wanted and message.camera_stamps:
            self._observations.append(message)
        else:
            self._observations.clear()

    def _on_depth(self, message: DepthMap) -> None:
        if not self.active:
            return
        self._problem = defect(message)
        observation = None if self._problem else self._observation_of(message)
        if observation is not None:
            self._draw(message, observation)
            self._decode(message, observation)
        if self._problem:
            self.get_logger().warning(self._problem, throttle_duration_sec=COMPLAINT_PERIOD_S)

    def _observation_of(self, depth: DepthMap) -> Observation | None:
        identity = (depth.observation_sequence, stamp_ns(depth.header.stamp))
        for observation in self._observations:
            if (observation.sequence, stamp_ns(observation.header.stamp)) == identity:
                return observation
        return None

    def _draw(self, depth: DepthMap, observation: Observation) -> None:
        try:
            self._images.show(depth, stamp_ns(observation.camera_stamps[0]))
        except PerceptionError as error:
            self._problem = str(error)
        self._shown += 1

    def _decode(self, depth: DepthMap, observation: Observation) -> None:
        if self._decoded is None:
            return
        if problem := self._decoded.objection(depth):
            self._problem = problem
        else:
            self._decoded.show(depth, observation)

    def _report(self) -> list[Report]:
        level, text = (WARN, self._problem) if self._problem else (OK, "drawing what is subscribed")
        return [("depth", level, text, {"maps": self._shown})]


def defect(depth: DepthMap) -> str:
    """Say why a depth map cannot be drawn; empty if it can."""
    cells, low, high = depth.rows * depth.columns, min(depth.rows, depth.columns), max(depth.rows, depth.columns)
    if low < 1 or high > MOST_GRID:
        return f"depth map of {depth.rows} x {depth.columns} cells: expected 1 to {MOST_GRID} along each side"
    if (len(depth.codes), len(depth.decoded)) != (cells, cells):
        return (
            f"depth map of {depth.rows} x {depth.columns} cells has {len(depth.codes)} codes and "
            f"{len(depth.decoded)} marks, expected {cells} of both"
        )
    return ""


def main() -> int:
    """Run the node."""
    return run(DepthViewerNode)


if __name__ == "__main__":
    sys.exit(main())
