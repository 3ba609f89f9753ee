# SPDX-License-Identifier: Apache-2.0
"""Who is at a topic, as discovery says."""

from __future__ import annotations

from dataclasses import dataclass


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
