# SPDX-License-Identifier: Apache-2.0
"""What every policy is to its caller: numpy in, numpy out, units and names with every vector.

"Policy units" are those of the training data of a norm tag: the embodiment's border converts to and from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class PolicyError(ValueError):
    """A policy that cannot be set up as asked, or an observation that does not fit it."""


@dataclass(frozen=True)
class PolicySpec:
    """What a policy expects and gives, for the handshake with an embodiment.

    Attributes:
        model_id: which weights.
        norm_tag: which robot of those weights.
        num_cameras: images per observation, in the order of training.
        image_size: (height, width) in pixels that needs no resizing.
        state_names: names of the state vector, as the checkpoint has them.
        action_names: names of an action row, as the checkpoint has them.
        horizon: rows the network predicts.
        n_action_steps: rows a chunk has.
        depth_side: cells along a side of its depth maps; 0: it writes none.
        depth_levels: codes that a cell can have.
        depth_codec: whose codes they are; empty where the checkpoint does not say.
    """

    model_id: str
    norm_tag: str
    num_cameras: int
    image_size: tuple[int, int]
    state_names: tuple[str, ...]
    action_names: tuple[str, ...]
    horizon: int
    n_action_steps: int
    depth_side: int = 0
    depth_levels: int = 0
    depth_codec: str = ""


@dataclass(frozen=True, eq=False)
class CellFacts:
    """What perception saw of the depth grid's cells in an observation.

    Attributes:
        instance_id: of the perception that numbers the observations.
        sequence: of the observation, from 1.
        unchanged_since: uint64 [R * C], R statements on each of the C cells, row-major: sequence of an earlier
            observation in which the cell looked the same, 0 for none.
    """

    instance_id: int
    sequence: int
    unchanged_since: NDArray[np.uint64]


@dataclass(frozen=True)
class PolicyObservation:
    """One moment of the robot.

    Attributes:
        images: uint8 [H, W, 3] RGB, one per camera, in the order of training.
        state: [D] in policy units, ordered as `PolicySpec.state_names`.
        instruction: what to do, in words.
        stamp_ns: when; 0 where it does not matter: such a chunk neither continues one nor is continued.
        instruction_sequence: which giving of an instruction it is; the same text given again is another one.
        cells: what is known of the depth grid; None: nothing, so that every cell is decoded.
    """

    images: tuple[NDArray[np.uint8], ...]
    state: NDArray[np.floating]
    instruction: str
    stamp_ns: int = 0
    instruction_sequence: int = 0
    cells: CellFacts | None = None

    @property
    def task(self) -> tuple[int, str]:
        """What a chunk must have in common with the one that it continues."""
        return self.instruction_sequence, self.instruction


@dataclass(frozen=True)
class PolicyTiming:
    """Where the time of one call went, in milliseconds of wall time.

    Attributes:
        processing_ms: images and prompt to model inputs, and actions back to policy units.
        inference_ms: the network, until its result was in host memory.
    """

    processing_ms: float
    inference_ms: float


@dataclass(frozen=True, eq=False)
class DepthResult:
    """The depth map of one call.

    Attributes:
        codes: uint16 [rows, columns] of the first camera's grid.
        decoded: bool [rows, columns]; true: from this observation; false: kept from an earlier one.
        forwards: passes through the language model that read depth tokens.
        decoding_ms: from the start of reading the prompt to the end of the map, wall time.
    """

    codes: NDArray[np.uint16]
    decoded: NDArray[np.bool_]
    forwards: int
    decoding_ms: float


@dataclass(frozen=True)
class PolicyChunk:
    """Actions for the near future; row 0 is for the moment of the observation.

    Attributes:
        actions: float32 [n_action_steps, D] in policy units.
        names: of the columns.
        norm_tag: which robot.
        model_id: which weights.
        instruction: what they were given.
        timing: how long it took.
        depth: the depth map that was written first; None where none was.
    """

    actions: NDArray[np.float32]
    names: tuple[str, ...]
    norm_tag: str
    model_id: str
    instruction: str
    timing: PolicyTiming
    depth: DepthResult | None = None


class Policy(Protocol):
    """Something that turns observations into action chunks; one call at a time."""

    @property
    def spec(self) -> PolicySpec:
        """What it expects and gives."""
        ...

    def warm_up(self) -> PolicyTiming:
        """Run once on made-up input, so that the first real call takes no longer than the others."""
        ...

    def check_instruction(self, text: str) -> None:
        """Check an instruction before it is taken; may be called from another thread than `infer`.

        Raises:
            ValueError: no observation with it could be used; one sentence says why.
        """
        ...

    def infer(self, observation: PolicyObservation) -> PolicyChunk:
        """Predict.

        Raises:
            ValueError: the observation does not fit the policy.
            RuntimeError: the policy gave no usable answer.
        """
        ...

    def ask_for_depth(self) -> None:
        """Let the next inference reason in depth; may be called from another thread.

        Raises:
            PolicyError: the policy does not reason in depth.
        """
        ...
