# SPDX-License-Identifier: Apache-2.0
"""A long run in which tools join and leave; what grows (`figures`) and what stops (`stops`)."""
