# SPDX-License-Identifier: Apache-2.0
"""A ROS domain for each test, and the node of a test file with its neighbours around it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

DOMAINS = 101  # the largest whose ports lie below those that Linux gives to programs


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that has a ROS domain as one of a real node."""
    for item in items:
        if "ros_domain" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.node)


@pytest.fixture
def ros_domain(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Give each test a ROS domain of its own; what it started ends with it."""
    import rclpy

    domain = 1 + zlib.crc32(request.node.nodeid.encode()) % DOMAINS
    monkeypatch.setenv("ROS_DOMAIN_ID", str(domain))
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    yield domain
    rclpy.try_shutdown()


@pytest.fixture
def around(request: pytest.FixtureRequest, ros_domain: int) -> Iterator[Callable[..., Any]]:
    """Return what starts the node of a test file: makes its `Neighbours`, and destroys them afterwards."""
    made: list[Any] = []

    def make(*args: object, **kwargs: object) -> Any:
        made.append(request.module.Neighbours(*args, **kwargs))
        return made[-1]

    yield make
    for neighbours in made:
        neighbours.destroy()
