# SPDX-License-Identifier: Apache-2.0
"""The evaluation of change detection: every contestant on every video, a sweep of thresholds, a sweep of noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from molmoact2_ros.embodiment import Embodiment
from molmoact2_ros.perception import CellImage, ChangeSettings
from molmoact2_ros.perception.cell_comparison import COSINE, NOISE, PER_CELL, PREVIOUS

from .replay import ReuseFigures, mean_figures, replay
from .video import SITUATIONS, Clip, Situation, make_clip

CONTESTANTS = {
    "reference": ChangeSettings(COSINE, 0.996, PREVIOUS),
    "cosine, per cell": ChangeSettings(COSINE, 0.996, PER_CELL),
    "noise, previous": ChangeSettings(NOISE, 0.0, PREVIOUS),
    "noise, per cell": ChangeSettings(NOISE, 0.0, PER_CELL),
}
SHIPPED = "noise, per cell"
SWEEPS = {COSINE: (0.98, 0.99, 0.993, 0.996, 0.998, 0.999, 0.9995), NOISE: (3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 14.0, 20.0)}
NOISE_LEVELS = (0.0, 1.0, 2.0, 3.0, 4.0, 6.0)  # deviations, grey levels; that of small cameras in a room is 1 to 4
STANDING = ("still", "dark")  # in which every decoded cell is needless


@dataclass
class ThinkResults:
    """Figures of the evaluation.

    Attributes:
        videos: by contestant, robot and situation.
        sweep: by (statistic, reference) and threshold, the mean over all videos.
        noise: by contestant, situation and deviation of the noise, the part of cells reused, mean over robots.
    """

    videos: dict[str, dict[str, dict[str, ReuseFigures]]] = field(default_factory=dict)
    sweep: dict[tuple[str, str], dict[float, ReuseFigures]] = field(default_factory=dict)
    noise: dict[str, dict[str, dict[float, float]]] = field(default_factory=dict)

    def by_situation(self, contestant: str) -> dict[str, ReuseFigures]:
        """Return a contestant's figures of each situation, averaged over the robots."""
        robots = list(self.videos[contestant].values())
        return {name: mean_figures([robot[name] for robot in robots]) for name in robots[0]}

    def overall(self, contestant: str) -> ReuseFigures:
        """Return a contestant's figures, averaged over all videos."""
        return mean_figures([one for robot in self.videos[contestant].values() for one in robot.values()])


class ThinkBench:
    """Runs the evaluation."""

    def __init__(
        self, robots: Sequence[str], frames: int, *, grid: int, noise: float, jpeg_quality: int, seed: int
    ) -> None:
        """Take its size.

        Args:
            robots: names of embodiments.
            frames: of each video.
            grid: cells along a side.
            noise: deviation of the sensor's noise in the videos, grey levels.
            jpeg_quality: of the images, 1 to 95; 0: not compressed.
            seed: of the noise.
        """
        self._robots = [Embodiment.load(name) for name in robots]
        self._frames, self._grid, self._noise = frames, grid, noise
        self._jpeg_quality, self._seed = jpeg_quality, seed

    @property
    def steps(self) -> int:
        """How often `run` calls `advance`."""
        return len(self._robots) * len(SITUATIONS)

    def run(self, advance: Callable[[], None] = lambda: None) -> ThinkResults:
        """Run everything; raise SimulationError where this machine cannot render."""
        results = ThinkResults()
        swept: dict[tuple[str, str], dict[float, list[ReuseFigures]]] = {}
        for robot in self._robots:
            for situation in SITUATIONS:
                clip = make_clip(robot, situation, self._frames, self._grid)
                images = self._images(clip, self._noise)
                for name, settings in CONTESTANTS.items():
                    figures = replay(images, clip.levels, settings)
                    results.videos.setdefault(name, {}).setdefault(robot.name, {})[situation.name] = figures
                self._sweep(images, clip, swept)
                self._add_noise(clip, situation, results)
                advance()
        for key, by_threshold in swept.items():
            results.sweep[key] = {threshold: mean_figures(figures) for threshold, figures in by_threshold.items()}
        return results

    def _images(self, clip: Clip, noise: float) -> list[CellImage]:
        images = clip.noisy(noise, self._seed, self._jpeg_quality)
        return [CellImage.of(image, self._grid) for image in images]

    def _sweep(
        self,
        images: Sequence[CellImage],
        clip: Clip,
        swept: dict[tuple[str, str], dict[float, list[ReuseFigures]]],
    ) -> None:
        for statistic, thresholds in SWEEPS.items():
            for reference in (PREVIOUS, PER_CELL):
                for threshold in thresholds:
                    figures = replay(images, clip.levels, ChangeSettings(statistic, threshold, reference))
                    swept.setdefault((statistic, reference), {}).setdefault(threshold, []).append(figures)

    def _add_noise(self, clip: Clip, situation: Situation, results: ThinkResults) -> None:
        if situation.name not in STANDING:
            return
        for deviation in NOISE_LEVELS:
            images = self._images(clip, deviation)
            for name in ("reference", SHIPPED):
                reused = replay(images, clip.levels, CONTESTANTS[name]).reused / len(self._robots)
                by_deviation = results.noise.setdefault(name, {}).setdefault(situation.name, {})
                by_deviation[deviation] = by_deviation.get(deviation, 0.0) + reused
