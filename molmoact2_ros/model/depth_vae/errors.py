# SPDX-License-Identifier: Apache-2.0
"""The one error of this folder."""


class DepthCodecError(ValueError):
    """Say in one sentence what was expected of a codec, its file or its input, what came, and what to do."""
