# SPDX-License-Identifier: Apache-2.0
"""What the detector states about cells, alone and against a policy that loses, repeats and forgets. No ROS.

Pinned: a code is never kept for a cell that changed since it was decoded, whatever observations and acknowledgements
are dropped, doubled or overtaken and either side restarts; and a policy that is always busy keeps codes all the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from molmoact2_ros.perception import CellChanges, CellImage, ChangeDetector, ChangeSettings
from molmoact2_ros.perception.cell_comparison import likeness
from molmoact2_ros.processing.depth_reuse import reusable_cells

GRID, CELL_PX = 4, 32
CELLS = GRID * GRID
TEXTURES = np.random.default_rng(1).integers(20, 236, (6, CELL_PX, CELL_PX, 3), dtype=np.uint8)
ALL = np.ones(CELLS, np.bool_)


def _image(contents: np.ndarray) -> np.ndarray:
    """Draw an image of which each cell shows one of six textures."""
    cells = TEXTURES[contents].reshape(GRID, GRID, CELL_PX, CELL_PX, 3)
    return cells.transpose(0, 2, 1, 3, 4).reshape(GRID * CELL_PX, GRID * CELL_PX, 3)


@dataclass(frozen=True)
class _Observation:
    instance_id: int
    sequence: int
    contents: np.ndarray
    changes: CellChanges | None


@dataclass(frozen=True)
class _Chunk:
    instance_id: int
    sequence: int
    decoded: np.ndarray


class _Perception:
    """The part of perception that matters here."""

    def __init__(self, instance_id: int, settings: ChangeSettings) -> None:
        self.instance_id, self.detector, self.sequence = instance_id, ChangeDetector(settings), 0

    def observe(self, contents: np.ndarray) -> _Observation:
        self.sequence += 1
        changes = self.detector.see(self.sequence, _image(contents))
        return _Observation(self.instance_id, self.sequence, contents.copy(), changes)

    def receive(self, chunk: _Chunk) -> None:
        if chunk.instance_id == self.instance_id:
            self.detector.acknowledge(chunk.sequence, chunk.decoded)


class _Policy:
    """A plain model of the policy's cache; its code of a cell is what the cell showed."""

    def __init__(self) -> None:
        self.perception_instance_id = 0
        self.codes, self.decoded_at = np.full(CELLS, -1), np.zeros(CELLS, np.uint64)
        self.kept = self.inferred = 0

    def infer(self, observation: _Observation) -> _Chunk:
        reused = self._reusable(observation)
        stale = reused & (self.codes != observation.contents)
        assert not stale.any(), f"stale codes in cells {np.flatnonzero(stale)} of observation {observation.sequence}"
        self.codes = np.where(reused, self.codes, observation.contents)
        self.decoded_at = np.where(reused, self.decoded_at, np.uint64(observation.sequence))
        self.perception_instance_id = observation.instance_id
        self.kept += int(reused.sum())
        self.inferred += CELLS
        return _Chunk(observation.instance_id, observation.sequence, ~reused)

    def _reusable(self, observation: _Observation) -> np.ndarray:
        changes = observation.changes
        if changes is None or observation.instance_id != self.perception_instance_id:
            return ~ALL
        return reusable_cells(changes.unchanged_since, self.decoded_at)


def _receive_all(random: np.random.Generator, queue: list, keep: float = 0.6) -> list:
    """Deliver some of what is under way, in any order, some of it twice; the rest comes later or never."""
    random.shuffle(queue)
    arrived = [item for item in queue if random.random() < keep]
    queue[:] = [item for item in queue if random.random() < 0.2]
    return arrived


@pytest.mark.parametrize(
    "settings",
    [ChangeSettings("noise"), ChangeSettings("cosine"), ChangeSettings("noise", grid=GRID)],
    ids=["noise", "cosine", "grid known"],
)
@pytest.mark.parametrize("seed", range(6))
def test_no_code_is_stale_whatever_is_lost_doubled_overtaken_or_restarted(seed: int, settings) -> None:
    random = np.random.default_rng(seed)
    instance_ids = iter(range(1, 1000))
    contents = random.integers(0, len(TEXTURES), CELLS)
    perception, policy = _Perception(next(instance_ids), settings), _Policy()
    under_way: list[_Observation] = []
    chunks: list[_Chunk] = []
    kept = 0
    for _ in range(150):
        changing = random.random(CELLS) < random.choice([0.0, 0.05, 0.5])
        contents = np.where(changing, random.integers(0, len(TEXTURES), CELLS), contents)
        under_way.append(perception.observe(contents))
        if random.random() < 0.5:
            chunks += [policy.infer(item) for item in _receive_all(random, under_way)]
        for chunk in _receive_all(random, chunks):
            perception.receive(chunk)
        if random.random() < 0.02:
            perception = _Perception(next(instance_ids), settings)
        if random.random() < 0.02:
            kept += policy.kept
            policy = _Policy()
    assert kept + policy.kept > 0


def _run(settings: ChangeSettings, busy_for: int, steps: int = 60) -> _Policy:
    """Let nothing change; the policy is busy for some observations, then takes the newest before its chunk arrives."""
    perception, policy = _Perception(1, settings), _Policy()
    contents = np.arange(CELLS) % len(TEXTURES)
    chunk: _Chunk | None = None
    for index in range(steps):
        observation = perception.observe(contents)
        if index % busy_for == 0:
            done, chunk = chunk, policy.infer(observation)
            if done:
                perception.receive(done)
    return policy


@pytest.mark.parametrize("busy_for", [1, 2, 5, 12])
def test_a_policy_that_is_always_busy_keeps_codes_of_a_still_scene(busy_for: int) -> None:
    policy = _run(ChangeSettings(), busy_for, steps=20 * busy_for)
    assert policy.kept / policy.inferred > 0.8


@pytest.mark.parametrize(("busy_for", "kept"), [(1, CELLS), (4, CELLS), (7, CELLS), (8, 0)])
def test_where_the_grid_is_known_a_policy_that_comes_late_decodes_only_its_first_map_in_full(
    busy_for: int, kept: int
) -> None:
    """Before its first acknowledgement is received; unless the first map takes it longer than images are remembered."""
    perception, policy = _Perception(1, ChangeSettings(grid=GRID)), _Policy()
    contents = np.arange(CELLS) % len(TEXTURES)
    seen = [perception.observe(contents) for _ in range(20 + busy_for)]
    policy.infer(seen[19])
    assert policy.kept == 0
    policy.infer(seen[-1])
    assert policy.kept == kept


def test_after_a_pause_a_policy_is_again_one_that_comes_late() -> None:
    perception, contents = _Perception(1, ChangeSettings(grid=GRID)), np.arange(CELLS) % len(TEXTURES)
    perception.receive(_Policy().infer(perception.observe(contents)))
    policy, seen = _Policy(), [perception.observe(contents) for _ in range(60)]
    policy.infer(seen[50])
    policy.infer(seen[57])
    assert policy.kept == CELLS


def _least_likeness_of_kept_cells(reference: str) -> float:
    """Let waves creep over the image, half a pixel per frame; hold each code that is kept against its own image."""
    detector, decoded_at, least = ChangeDetector(ChangeSettings("cosine", 0.0, reference)), np.zeros(CELLS, int), 1.0
    detector.acknowledge(0, ALL)
    images = []
    for sequence in range(1, 60):
        wave = 127 + 60 * np.sin(2 * np.pi * (np.arange(128) - 0.5 * sequence) / 64)
        image = np.broadcast_to(np.rint(wave).astype(np.uint8)[None, :, None], (128, 128, 3)).copy()
        images.append(CellImage.of(image, GRID))
        reused = reusable_cells(detector.see(sequence, image).unchanged_since, decoded_at.astype(np.uint64))
        for cell in np.flatnonzero(reused):
            least = min(least, likeness(images[decoded_at[cell] - 1], images[-1])[cell])
        decoded_at = np.where(reused, decoded_at, sequence)
        detector.acknowledge(sequence, ~reused)
    return least


def test_slow_change_never_shows_against_the_previous_frame_and_always_against_the_codes_own() -> None:
    assert _least_likeness_of_kept_cells("previous") < 0.95
    assert 0.996 <= _least_likeness_of_kept_cells("per_cell") < 0.999


def test_nothing_is_compared_before_a_policy_reasons_in_depth_nor_long_after_it_fell_silent() -> None:
    detector, image = ChangeDetector(), _image(np.zeros(CELLS, int))
    assert detector.see(1, image) is None
    detector.acknowledge(1, np.zeros(0, np.bool_))
    assert detector.see(2, image) is None
    detector.acknowledge(2, ALL)
    assert detector.see(3, image) is not None
    assert detector.see(4, image) is not None
    assert [detector.see(5 + index, image) is None for index in range(150)][-1]


def test_where_the_grid_is_known_a_silent_policy_is_waited_for() -> None:
    detector, image = ChangeDetector(ChangeSettings(grid=GRID)), _image(np.zeros(CELLS, int))
    assert all(detector.see(1 + index, image) is not None for index in range(200))


def test_a_mask_that_is_no_square_grid_is_not_taken_for_one() -> None:
    detector = ChangeDetector()
    detector.acknowledge(1, np.ones(15, np.bool_))
    assert detector.see(2, _image(np.zeros(CELLS, int))) is None


def test_an_acknowledgement_of_more_cells_than_any_grid_has_changes_nothing() -> None:
    detector = ChangeDetector(ChangeSettings(grid=GRID))
    detector.acknowledge(1, np.ones(1000 * 1000, np.bool_))
    changes = detector.see(2, _image(np.zeros(CELLS, int)))
    assert changes is not None
    assert changes.unchanged_since.shape[1] == CELLS


def test_first_row_is_about_the_acknowledged_codes_and_later_rows_about_newer_observations() -> None:
    detector, contents = ChangeDetector(), np.zeros(CELLS, int)
    detector.acknowledge(0, ALL)
    detector.see(1, _image(contents))
    detector.acknowledge(1, ALL)
    moved = np.where(np.arange(CELLS) == 3, 1, contents)
    detector.see(2, _image(moved))
    changes = detector.see(3, _image(moved))
    assert changes.unchanged_since.tolist() == [[0 if cell == 3 else 1 for cell in range(CELLS)], [2] * CELLS]
