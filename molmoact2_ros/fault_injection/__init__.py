# SPDX-License-Identifier: Apache-2.0
"""Faults of a running graph: plain data (`catalogue`), ways to bring them about, measurement, report."""
