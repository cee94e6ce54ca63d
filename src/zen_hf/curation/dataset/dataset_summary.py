# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Numbers of a frame dataset: how many videos, hours and frames of every procedure, source and split."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from .kept_video import KeptVideo
from .splits import Splits

HISTOGRAMS = {
    "brightness": "mean of the brightest colour channel, from 0 to 1",
    "sharpness": "relative change of brightness in % per px; some 1 to 2 if nothing can be recognised, 5 to 25 in most frames",
}
BINS = 40


@dataclass(frozen=True)
class Row:
    """Sums over some videos.

    Attributes:
        name: What they have in common.
        videos: Their number.
        failed: How many of them could not be read at all.
        patients: Number of the patients of those that could be read.
        hours: Length of the films.
        sampled: Frames that were looked at.
        kept: Frames in the dataset.
        image_bytes: Length of their images.
        input_bytes: Length of the films' files.
        rejected: Number of frames by reason, the most frequent first.
    """

    name: str
    videos: int
    failed: int
    patients: int
    hours: float
    sampled: int
    kept: int
    image_bytes: int
    input_bytes: int
    rejected: dict[str, int]

    def as_dict(self) -> dict:
        """The sums."""
        return {key: value for key, value in vars(self).items() if key != "name"}


@dataclass(frozen=True)
class Summary:
    """All that card and page say.

    Attributes:
        total: Of all videos.
        tables: `procedure`, `source` and `split` to a row each.
        cluster_sizes: Training frames of every cluster, largest first; None without an encoder.
        splits: Which video is for what.
        notes: What the user should know.
        problems: Number of videos of which some part could not be read.
    """

    total: Row
    tables: dict[str, list[Row]]
    cluster_sizes: list[int] | None
    splits: Splits
    notes: list[str] = field(default_factory=list)
    problems: int = 0

    @property
    def remarks(self) -> list[str]:
        """What the user should know first, a phrase each."""
        return [*self.splits.notes, *self.notes, *self.failures]

    @property
    def failures(self) -> list[str]:
        """What of it is alarming: a phrase about videos of which not everything is there."""
        found = []
        if self.total.failed:
            found.append(f"videos that could not be read: {self.total.failed}; `manifest.json` says why")
        if self.problems:
            found.append(f"videos of which some part could not be read: {self.problems}; `manifest.json` says which")
        return found


def summarise(
    videos: Sequence[KeptVideo], splits: Splits, cluster_sizes: list[int] | None, notes: list[str]
) -> Summary:
    """Sums up a dataset.

    Args:
        videos: All videos.
        splits: Their splits.
        cluster_sizes: Training frames of every cluster.
        notes: What the user should know.
    """
    tables = {
        "procedure": rows_by(videos, lambda video: video.record.procedure),
        "source": rows_by(videos, lambda video: video.record.source),
        "split": rows_by([v for v in videos if v.frames], lambda video: splits.of_video[video.record.video_id]),
    }
    tables["split"].sort(key=lambda row: splits.names.index(row.name))
    problems = sum(bool(video.record.problems) for video in videos)
    return Summary(row_of("all", videos), tables, cluster_sizes, splits, notes, problems)


def rows_by(videos: Sequence[KeptVideo], key: Callable[[KeptVideo], str]) -> list[Row]:
    """A row per value of the key, sorted."""
    return [row_of(name, [video for video in videos if key(video) == name]) for name in sorted(set(map(key, videos)))]


def row_of(name: str, videos: Sequence[KeptVideo]) -> Row:
    """Sums over videos."""
    reasons: Counter = Counter()
    for video in videos:
        reasons.update(video.reasons)
    return Row(
        name=name,
        videos=len(videos),
        failed=sum(video.record.failed is not None for video in videos),
        patients=len({video.record.patient_id for video in videos if video.record.failed is None}),
        hours=round(sum(video.record.duration_s for video in videos) / 3600, 4),
        sampled=sum(video.record.sampled for video in videos),
        kept=sum(video.frames for video in videos),
        image_bytes=sum(video.image_bytes for video in videos),
        input_bytes=sum(video.record.size_bytes for video in videos),
        rejected=dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
    )


@dataclass(frozen=True)
class Histogram:
    """Counts of a signal in bins of equal width.

    Attributes:
        signal: Its name.
        edges: Of the bins [BINS + 1]; the outer bins also hold what lies beyond.
        kept: Procedure to counts of kept frames [BINS].
        rejected: Procedure to counts of rejected frames [BINS].
    """

    signal: str
    edges: np.ndarray
    kept: dict[str, np.ndarray]
    rejected: dict[str, np.ndarray]


def histograms(videos: Sequence[KeptVideo]) -> list[Histogram]:
    """Brightness and sharpness of kept and of rejected frames, per procedure; eight bytes per frame in memory."""
    values: dict[tuple[str, str, str], list[np.ndarray]] = {}
    for video in videos:
        frames = [("kept", table) for table in video.tables(list(HISTOGRAMS))]
        for which, table in [*frames, ("rejected", video.rejected())]:
            for signal in HISTOGRAMS:
                measured = table[signal].to_numpy().astype(np.float32)
                key = (signal, which, video.record.procedure)
                values.setdefault(key, []).append(measured[np.isfinite(measured)])
    found = []
    for signal in HISTOGRAMS:
        everything = [part for key, parts in values.items() if key[0] == signal for part in parts]
        joined = np.concatenate(everything) if everything else np.zeros(0, np.float32)
        low, high = np.percentile(joined, [0, 99]) if len(joined) else (0.0, 1.0)  # few very sharp frames set no scale
        edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
        counted = {
            which: {
                key[2]: np.histogram(np.clip(np.concatenate(parts), edges[0], edges[-1]), edges)[0]
                for key, parts in sorted(values.items())
                if key[:2] == (signal, which)
            }
            for which in ("kept", "rejected")
        }
        found.append(Histogram(signal, edges, **counted))
    return found
