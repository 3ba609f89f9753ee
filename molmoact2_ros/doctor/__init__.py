# SPDX-License-Identifier: Apache-2.0
"""A robot's drivers, this machine and the checkpoint, checked before anything moves; each check is a pure judgement."""
