# SPDX-License-Identifier: Apache-2.0
"""The one error of this room: a caller or a checkpoint file broke the model's input and output protocol."""


class ProcessingError(ValueError):
    """Say in one sentence what was expected, what came, and what to do."""
