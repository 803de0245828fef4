"""Samples of many rounds, and the figures taken from them."""

from __future__ import annotations

import collections
import statistics
from collections.abc import Callable

from sampling import Sample

Key = tuple[str, str]

# Above so many cores in use by others a sample is noisy; it is set aside where enough quiet ones are left.
QUIET_CORES = 0.3
ENOUGH_QUIET_SAMPLES = 3


def _preferred(samples: list[Sample]) -> list[Sample]:
    quiet = [sample for sample in samples if sample.noise <= QUIET_CORES]
    return quiet if len(quiet) >= ENOUGH_QUIET_SAMPLES else samples


class Results:
    """Everything that was measured. A figure is the median over the rounds, and None where nothing was measured."""

    def __init__(self) -> None:
        self.samples: dict[Key, list[Sample]] = collections.defaultdict(list)
        self.start_seconds: list[float] = []
        self.idle_resident_bytes: list[int] = []

    def add(self, key: Key, sample: Sample) -> None:
        self.samples[key].append(sample)

    def median(self, key: Key, figure: Callable[[Sample], float | None]) -> float | None:
        values = [value for value in map(figure, _preferred(self.samples.get(key, []))) if value is not None]
        return statistics.median(values) if values else None

    def cpu_per_request(self, scenario: str, row: str) -> float | None:
        return self.median((scenario, row), lambda sample: sample.microseconds_per_request)

    def cpu_per_token(self, scenario: str, row: str) -> float | None:
        return self.median((scenario, row), lambda sample: sample.microseconds_per_token)

    def rate(self, scenario: str, row: str, of: str) -> float | None:
        """`requests` or `tokens` per second."""
        return self.median((scenario, row), lambda sample: sample.report[f"{of}_per_second"])

    def latency(self, scenario: str, row: str, part: str, of: str = "latency_us") -> float | None:
        return self.median((scenario, row), lambda sample: sample.figure(of, part))

    def added(self, scenario: str, part: str, of: str = "latency_us", row: str = "roundhouse") -> float | None:
        """What the gateway adds to the direct call: the median of the differences within each round."""
        pairs = zip(self.samples.get((scenario, row), []), self.samples.get((scenario, "direct"), []))
        differences = [
            ours - direct
            for ours, direct in ((a.figure(of, part), b.figure(of, part)) for a, b in pairs)
            if ours is not None and direct is not None
        ]
        return statistics.median(differences) if differences else None

    def cpu_difference(self, scenario: str, row: str, other: str, per: str) -> float | None:
        """How much more processor time a `request` or a `token` takes in one row than in another: the median of the
        differences within each round."""
        pairs = zip(self.samples.get((scenario, row), []), self.samples.get((scenario, other), []))
        figure = f"microseconds_per_{per}"
        differences = [getattr(a, figure) - getattr(b, figure) for a, b in pairs]
        return statistics.median(differences) if differences else None

    def resident_bytes(self, scenario: str) -> float | None:
        return self.median((scenario, "roundhouse"), lambda sample: float(sample.resident_bytes))

    def errors(self) -> dict[str, int]:
        """What went wrong, by scenario, row and fault."""
        found: dict[str, int] = collections.Counter()
        for (scenario, row), samples in self.samples.items():
            for sample in samples:
                for fault, count in sample.report["faults"].items():
                    found[f"{scenario}, {row}: {fault}"] += count
        return dict(found)

    def noise(self) -> float:
        """The median of the cores that others used."""
        values = [sample.noise for samples in self.samples.values() for sample in samples]
        return statistics.median(values) if values else 0.0

    def as_json(self) -> dict:
        """Every sample, for whoever wants to look closer."""
        return {
            "start_seconds": self.start_seconds,
            "idle_resident_bytes": self.idle_resident_bytes,
            "samples": [
                {
                    "scenario": scenario,
                    "row": row,
                    "cpu_seconds": sample.cpu_seconds,
                    "wall_seconds": sample.wall_seconds,
                    "noise_cores": sample.noise,
                    "resident_bytes": sample.resident_bytes,
                    "report": sample.report,
                }
                for (scenario, row), samples in self.samples.items()
                for sample in samples
            ],
        }
