# SPDX-License-Identifier: Apache-2.0
"""Pins when a depth code stands: never for a cell that changed, whatever was lost, repeated or restarted."""

import numpy as np
import pytest

from molmoact2_ros.policy.depth_cache import DepthCache
from molmoact2_ros.policy.policy import CellFacts, PolicyObservation

CELLS = 9
ALL = np.ones(CELLS, np.bool_)
CODES = np.arange(CELLS, dtype=np.uint16)


def _observation(
    sequence: int, unchanged_since: object = (), instance_id: int = 1, instruction: str = "go", side: int = 8
) -> PolicyObservation:
    cells = CellFacts(instance_id, sequence, np.array(unchanged_since, np.uint64).ravel())
    return PolicyObservation((np.zeros((side, side, 3), np.uint8),), np.zeros(3), instruction, cells=cells)


def _cache(sequence: int = 4) -> DepthCache:
    cache = DepthCache(CELLS)
    cache.store(_observation(sequence), CODES, ALL)
    return cache


def test_a_code_stands_where_its_cell_looks_as_in_the_observation_it_was_decoded_from() -> None:
    unchanged_since = np.where(CODES < 5, 4, 0)
    assert _cache().standing(_observation(5, unchanged_since)).tolist() == (CODES < 5).tolist()


def test_any_of_several_statements_is_enough() -> None:
    rows = [np.where(CODES == 0, 3, 0), np.where(CODES == 1, 4, 0), np.where(CODES == 2, 4, 7)]
    assert _cache().standing(_observation(8, rows)).tolist() == [False, True, True, *[False] * 6]


def test_a_kept_code_still_belongs_to_the_observation_it_was_decoded_from() -> None:
    cache = _cache()
    cache.store(_observation(5), CODES, CODES >= 5)
    assert cache.standing(_observation(6, np.full(CELLS, 5))).tolist() == (CODES >= 5).tolist()
    assert cache.standing(_observation(6, np.full(CELLS, 4))).tolist() == (CODES < 5).tolist()


@pytest.mark.parametrize(
    "changes",
    [
        {"instance_id": 2},
        {"instruction": "stop"},
        {"side": 9},
        {"unchanged_since": [4] * (CELLS + 1)},
        {"unchanged_since": []},
    ],
    ids=str,
)
def test_no_code_stands_for_another_instance_instruction_image_size_or_grid(changes: dict) -> None:
    assert not _cache().standing(_observation(5, **{"unchanged_since": [4] * CELLS, **changes})).any()


def test_before_the_first_map_and_after_clearing_no_code_stands() -> None:
    cache = _cache()
    cache.clear()
    assert cache.codes is None
    assert not cache.standing(_observation(5, [4] * CELLS)).any()


def test_an_observation_without_facts_leaves_codes_to_guess_from_but_none_that_stands() -> None:
    cache = DepthCache(CELLS)
    cache.store(PolicyObservation((np.zeros((8, 8, 3), np.uint8),), np.zeros(3), "go"), CODES, ALL)
    assert cache.codes is CODES
    assert not cache.standing(_observation(5, [0] * CELLS)).any()


class _World:
    """A scene whose cells change now and then, a perception that may restart, and messages that may be lost or late.

    A cell's content is a number, and so is the code that a right policy decodes from it: a stale code shows at once.
    """

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.scene = self.random.integers(0, 1000, CELLS)
        self.wire: list[tuple[PolicyObservation, np.ndarray]] = []
        self.restart_perception()

    def restart_perception(self) -> None:
        self.instance_id, self.sequence = int(self.random.integers(1, 1 << 62)), 0
        self.seen: dict[int, np.ndarray] = {}

    def observe(self) -> None:
        """Change some cells; publish facts on a random choice of earlier observations, right or useless ones."""
        self.scene = np.where(self.random.random(CELLS) < 0.2, self.random.integers(0, 1000, CELLS), self.scene)
        self.sequence += 1
        self.seen[self.sequence] = self.scene
        rows = [np.zeros(CELLS, np.uint64)]
        for _ in range(4):
            chosen = self.random.integers(max(1, self.sequence - 5), self.sequence + 1, CELLS)
            same = np.array([self.seen[n][cell] == self.scene[cell] for cell, n in enumerate(chosen)])
            rows.append(np.where(same, chosen, 0).astype(np.uint64))
        self.wire.append((_observation(self.sequence, rows, self.instance_id), self.scene))

    def deliver(self) -> tuple[PolicyObservation, np.ndarray]:
        """Take any message that was ever sent: repeated, overtaken, from an earlier instance, or the newest."""
        return self.wire[-1 if self.random.random() < 0.6 else int(self.random.integers(len(self.wire)))]


@pytest.mark.parametrize("seed", range(40))
def test_no_loss_repetition_reordering_or_restart_makes_a_changed_cell_keep_its_code(seed: int) -> None:
    world, cache, kept = _World(seed), DepthCache(CELLS), 0
    for _ in range(300):
        world.observe()
        if world.random.random() < 0.5:
            continue  # lost
        observation, truth = world.deliver()
        standing = cache.standing(observation)
        codes = np.where(standing, cache.codes if cache.codes is not None else 0, truth)
        assert (codes == truth).all()
        cache.store(observation, codes.astype(np.uint16), ~standing)
        kept += int(standing.sum())
        if world.random.random() < 0.02:
            world.restart_perception()
        if world.random.random() < 0.02:
            cache = DepthCache(CELLS)
    assert kept > 30  # the rule is not safe by keeping nothing
