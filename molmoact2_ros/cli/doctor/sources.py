# SPDX-License-Identifier: Apache-2.0
"""Whether somebody publishes what the graph reads, in the type that it reads."""

from __future__ import annotations

from collections.abc import Collection

from .check import Check, failed, ok
from .topic_peers import TopicPeers


def check_source(peers: TopicPeers, kind: str, others: Collection[str], heard: int) -> Check:
    """Judge the publishers of one topic.

    Args:
        peers: who is at the topic.
        kind: the type that is read.
        others: other topics of that type which somebody publishes, to be proposed.
        heard: messages that came while listening.
    """
    name = f"topic {peers.topic}"
    if not peers.publishers:
        elsewhere = f"the domain has this type on {', '.join(sorted(others))}" if others else "no topic has this type"
        return failed(
            name,
            f"nobody publishes it; {elsewhere}",
            f"a driver that publishes {kind}",
            "start the driver, or remap its topic to this name; look at --domain-id and --network too",
        )
    nodes = ", ".join(sorted(set(peers.publishers)))
    if kind not in peers.published_types:
        return failed(
            name,
            f"{', '.join(peers.published_types)} from {nodes}",
            kind,
            "remap the topic that carries this type, or change --image-transport for a camera",
        )
    if not heard:
        return failed(
            name,
            f"{nodes} publishes {kind}, but no message came",
            "messages",
            "look whether the driver is active and connected; between machines, whether UDP passes in both directions",
        )
    return ok(name, f"{kind} from {nodes}", kind)
