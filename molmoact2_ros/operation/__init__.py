# SPDX-License-Identifier: Apache-2.0
"""An operator's side of a running graph: client, event log, and a graph that this process manages."""
