# SPDX-License-Identifier: Apache-2.0
"""All that was received from a robot's drivers while listening. Plain data."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molmoact2_ros.embodiment import DriverGroup, Embodiment, Joint
from molmoact2_ros.interfaces.camera_frame import CameraFrame
from molmoact2_ros.interfaces.joint_report import DriverReport

NS_PER_S = 1e9
_STRAY_S = 5.0  # queues delay by less


@dataclass(frozen=True, eq=False)
class Arrivals:
    """Vectors [messages] of int64 ns: arrival by the steady clock, arrival by ROS time, stamp.

    `until_ns` (steady) is when listening ended: silence at the end counts.
    """

    received_ns: NDArray[np.int64]
    arrived_ns: NDArray[np.int64]
    stamps_ns: NDArray[np.int64]
    until_ns: int

    @property
    def count(self) -> int:
        """Messages."""
        return int(self.received_ns.size)

    @property
    def rate_hz(self) -> float:
        """Messages a second, from the first to the end of listening; 0 for one message."""
        if self.count < 2:
            return 0.0
        span_ns = max(self.received_ns[-1] - self.received_ns[0], self.until_ns - self.received_ns[0] - self._mean_ns)
        return float((self.count - 1) * NS_PER_S / span_ns) if span_ns > 0 else 0.0

    @property
    def largest_gap_s(self) -> float:
        """Longest silence, that at the end included."""
        gaps = np.diff(np.append(self.received_ns, self.until_ns))
        return float(gaps.max() / NS_PER_S) if gaps.size else float("inf")

    @property
    def missing(self) -> int:
        """Messages that the stamps say were sent between those that came, or should have been."""
        # Half of all stamps at least are near the median age: one that strays far would count as an hour of losses.
        near = np.abs(self.ages_s - np.median(self.ages_s)) < _STRAY_S if self.count else slice(None)
        steps = np.diff(np.unique(self.stamps_ns[near]))
        # Over the whole span, for a driver that is late once is early afterwards.
        return max(0, round(float(steps.sum() / np.median(steps))) - steps.size) if steps.size else 0

    @property
    def ages_s(self) -> NDArray[np.float64]:
        """[messages] Age of each stamp at arrival; negative where the stamp lies in the future."""
        return (self.arrived_ns - self.stamps_ns) / NS_PER_S

    @property
    def _mean_ns(self) -> float:
        return float((self.received_ns[-1] - self.received_ns[0]) / (self.count - 1))

    def where(self, mask: NDArray[np.bool_] | NDArray[np.int64]) -> Arrivals:
        """Return the arrivals of some of the messages, by mask or index."""
        return Arrivals(self.received_ns[mask], self.arrived_ns[mask], self.stamps_ns[mask], self.until_ns)


@dataclass(frozen=True, eq=False)
class CameraRecord:
    """When frames came, the checksum of each, and the newest one with its frame_id; None before the first."""

    arrivals: Arrivals
    checksums: tuple[int, ...] = ()
    newest: CameraFrame | None = None
    frame_id: str = ""


@dataclass(frozen=True, eq=False)
class StateRecord:
    """Every report while listening, and when it came."""

    reports: tuple[DriverReport, ...]
    arrivals: Arrivals

    def about(self, names: Collection[str]) -> StateRecord:
        """Return the reports that name one of the joints: several drivers share joint_states."""
        mask = np.array([not set(names).isdisjoint(report.names) for report in self.reports], dtype=bool)
        reports = tuple(report for report, taken in zip(self.reports, mask, strict=True) if taken)
        return StateRecord(reports, self.arrivals.where(mask))

    @property
    def names(self) -> tuple[str, ...]:
        """Every joint named, in the order of first mention."""
        return tuple(dict.fromkeys(name for report in self.reports for name in report.names))


@dataclass(frozen=True)
class TopicPeers:
    """Types in the form `pkg/msg/Name`, each once, and names of nodes, one for each publisher and subscription.

    `server` is the type of the action server of this name, in the form `pkg/action/Name`; empty where there is none.
    """

    topic: str
    published_types: tuple[str, ...] = ()
    publishers: tuple[str, ...] = ()
    subscribed_types: tuple[str, ...] = ()
    subscribers: tuple[str, ...] = ()
    server: str = ""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a listener brings home.

    Attributes:
        rmw: the middleware.
        peers: by topic: every state, camera and command topic of the robot.
        published: every topic of the domain that has a publisher, with its types.
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


def group_label(group: DriverGroup) -> str:
    """Return the joint's name, or the first and the last one."""
    joints = list(group.joints)
    return joints[0] if len(joints) == 1 else f"{joints[0]}..{joints[-1]}"


Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GroupReadings:
    """Matrices [messages x joints] in the group's order.

    `raw` and `raw_rates` are in the driver's unit, `positions` and `rates` in this package's; rates are NaN where the
    driver sends none. `closed` and `open` [joints] are 0 and 1 of this package in the driver's unit.
    """

    joints: tuple[Joint, ...]
    driver_names: tuple[str, ...]
    times_s: NDArray[np.float64]
    raw: Matrix
    positions: Matrix
    raw_rates: Matrix
    rates: Matrix
    closed: NDArray[np.float64]
    open: NDArray[np.float64]

    @classmethod
    def read(cls, robot: Embodiment, group: DriverGroup, record: StateRecord) -> GroupReadings:
        """Read the reports of a group whose names have been found good; at least one."""
        names = tuple(group.joints.values())
        record = record.about(names)
        raw = np.array([_columns(report.names, report.positions, names) for report in record.reports])
        raw_rates = np.array([_columns(report.names, report.velocities, names) for report in record.reports])
        by_name = {joint.name: joint for joint in robot.joints}
        stamps_ns = record.arrivals.stamps_ns
        return cls(
            joints=tuple(by_name[joint] for joint in group.joints),
            driver_names=names,
            times_s=(stamps_ns - stamps_ns[0]) / 1e9,
            raw=raw,
            positions=group.unit.inside(raw),
            raw_rates=raw_rates,
            rates=group.unit.rate_inside(raw_rates),
            closed=group.unit.outside(np.zeros(len(names))),
            open=group.unit.outside(np.ones(len(names))),
        )

    def columns(self, *, grippers: bool) -> list[int]:
        """Return the columns of the grippers, or of the arm joints."""
        return [column for column, joint in enumerate(self.joints) if joint.is_gripper == grippers]


def _columns(given: tuple[str, ...], values: NDArray[np.float64], wanted: tuple[str, ...]) -> NDArray[np.float64]:
    if values.size != len(given):
        return np.full(len(wanted), np.nan)
    return values[[given.index(name) for name in wanted]]
