# SPDX-License-Identifier: Apache-2.0
"""How well change detection says which depth codes may be used again."""
