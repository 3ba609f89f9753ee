# SPDX-License-Identifier: Apache-2.0
"""All that was seen and heard of a robot's drivers while listening. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .camera_record import CameraRecord
from .state_record import StateRecord
from .topic_peers import TopicPeers


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a listener brings home.

    Attributes:
        rmw: the middleware.
        peers: by topic: every state, camera and command topic of the robot.
        published: every topic of the domain that somebody publishes, with its types.
        states: by topic, for the profile in use.
        cameras: by role.
        image_topics: by role: the topic that was listened to, which depends on the image transport.
        image_type: of all of them.
    """

    rmw: str
    peers: Mapping[str, TopicPeers]
    published: Mapping[str, tuple[str, ...]]
    states: Mapping[str, StateRecord]
    cameras: Mapping[str, CameraRecord]
    image_topics: Mapping[str, str]
    image_type: str

    @property
    def largest_frame_bytes(self) -> int:
        """Size of the largest camera frame; 0 if none came."""
        frames = (record.newest for record in self.cameras.values())
        return max((frame.data.size for frame in frames if frame is not None), default=0)

    def others(self, topic: str, kind: str) -> list[str]:
        """Return the topics that carry a type, but this one."""
        return [name for name, kinds in self.published.items() if kind in kinds and name.lstrip("/") != topic]
