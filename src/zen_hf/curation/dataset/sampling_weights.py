# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""How often a frame should be drawn so that rare procedures, and rare things to see, are not drowned by common ones.

The weight of a frame of a group of n frames is `n ** (temperature - 1)`, scaled to mean 1 over the training split: at
temperature 1 every frame counts alike, at 0 every group, 0.5 lies between. Groups are procedures, or clusters of the
embeddings, as curated pretraining sets balance them (AMoE, arXiv 2512.20157; LEMON). Then no video's frames together may
weigh more than `video_cap` times the average video's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from .kept_video import KeptVideo


@dataclass
class WeightSettings:
    """How frames are weighed.

    Attributes:
        procedure_temperature: From 0, every procedure alike, to 1, every frame alike.
        cluster_temperature: The same of clusters.
        clusters: Number of clusters; 0 for the square root of the number of training frames, 1,000 at most. There are
            none without an encoder.
        fit_frames: Training frames, evenly spread, that the clusters are found on.
        video_cap: Largest weight of all frames of a video together, in units of the average video's; 0 for no limit.
        seed: Of the clusters.
    """

    procedure_temperature: float = 0.5
    cluster_temperature: float = 0.5
    clusters: int = 0
    fit_frames: int = 50_000
    video_cap: float = 4.0
    seed: int = 0

    def __post_init__(self):
        for name in ("procedure_temperature", "cluster_temperature"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"weights.{name} is {getattr(self, name)}; expected 0 to 1")
        if self.clusters < 0 or self.fit_frames < max(self.clusters, 1):
            raise ValueError(
                f"weights.clusters is {self.clusters} and weights.fit_frames {self.fit_frames}; expected a number of "
                "clusters or 0, and at least as many frames to find them on"
            )
        if self.video_cap != 0 and self.video_cap < 1:
            raise ValueError(
                f"weights.video_cap is {self.video_cap}; expected 0 for no limit, or at least 1, the average video"
            )


@dataclass(frozen=True)
class FrameWeights:
    """Weights and cluster of every frame that stays.

    Attributes:
        first: Video id to the place of its first frame in the arrays.
        procedure_weight: [N] float32, mean 1 over the training split, 0 outside it.
        cluster_weight: The same; None without embeddings.
        cluster: [N] int32 number of the cluster, from 0; None without embeddings.
    """

    first: dict[str, int]
    procedure_weight: np.ndarray
    cluster_weight: np.ndarray | None = None
    cluster: np.ndarray | None = None

    def of(self, video_id: str, start: int, stop: int) -> dict[str, pa.Array]:
        """Columns of some frames of a video."""
        place = slice(self.first[video_id] + start, self.first[video_id] + stop)
        types = {"procedure_weight": pa.float32(), "cluster_weight": pa.float32(), "cluster": pa.int32()}
        return {
            name: pa.nulls(stop - start, kind) if getattr(self, name) is None else pa.array(getattr(self, name)[place])
            for name, kind in types.items()
        }


def weigh(videos: Sequence[KeptVideo], train: set[str], settings: WeightSettings) -> FrameWeights:
    """Weighs all frames that stay.

    Args:
        videos: All videos, sorted by id.
        train: Ids of those that are for training.
        settings: How.

    Raises:
        ValueError: If only some frames have an embedding.
    """
    frames = [video.frames for video in videos]
    first = dict(zip((video.record.video_id for video in videos), np.cumsum([0, *frames]).tolist(), strict=False))
    video_of = np.repeat(np.arange(len(videos)), frames)
    training = np.repeat([video.record.video_id in train for video in videos], frames)
    names = sorted({video.record.procedure for video in videos})
    procedure_of = np.repeat([names.index(video.record.procedure) for video in videos], frames)

    def balanced(groups: np.ndarray, temperature: float) -> np.ndarray:
        weights = np.zeros(len(groups), np.float32)
        weights[training] = balance(groups[training], video_of[training], temperature, settings.video_cap)
        return weights

    by_procedure = balanced(procedure_of, settings.procedure_temperature)
    cluster = clusters_of([video for video in videos if video.frames], train, settings)
    by_cluster = None if cluster is None else balanced(cluster, settings.cluster_temperature)
    return FrameWeights(first, by_procedure, by_cluster, cluster)


def balance(groups: np.ndarray, videos: np.ndarray, temperature: float, video_cap: float) -> np.ndarray:
    """Weights of frames with mean 1.

    Args:
        groups: Number of the group of every frame [N].
        videos: Number of its video [N].
        temperature: From 0, groups alike, to 1, frames alike.
        video_cap: Largest weight of a video, in units of the average video's; 0 for no limit.
    """
    _, group_of, size = np.unique(groups, return_inverse=True, return_counts=True)
    weights = size.astype(float)[group_of] ** (temperature - 1)
    weights *= len(weights) / weights.sum()
    if not video_cap:
        return weights
    _, video_of = np.unique(videos, return_inverse=True)
    total = np.bincount(video_of, weights)
    limit = video_cap * len(weights) / len(total)
    capped = np.zeros(len(total), bool)
    scale = np.ones(len(total))
    while (over := ~capped & (total * scale > limit * (1 + 1e-9))).any():
        capped |= over  # what they lose goes to the others, in proportion, which may lift one of them over the limit
        scale[capped] = limit / total[capped]
        scale[~capped] = (len(weights) - limit * capped.sum()) / total[~capped].sum()
    return weights * scale[video_of]


def clusters_of(videos: Sequence[KeptVideo], train: set[str], settings: WeightSettings) -> np.ndarray | None:
    """Cluster of every frame [N]; the clusters are those of the training frames.

    Embeddings are read twice, a file at a time; `fit_frames` of them are in memory at most.

    Returns:
        Numbers of clusters, or None if no frame has an embedding.

    Raises:
        ValueError: If only some have one, or their lengths differ.
    """
    training = [video for video in videos if video.record.video_id in train]
    total = sum(video.frames for video in training)
    step = max(1, -(-total // settings.fit_frames))
    sample, place = [], 0
    for video in training:
        for embeddings in embeddings_of(video):
            if embeddings is None:
                return no_clusters(videos)
            if sample and embeddings.shape[1] != sample[0].shape[1]:
                raise mixed(video)
            sample.append(embeddings[-place % step :: step])
            place += len(embeddings)
    points = np.concatenate(sample)
    count = min(settings.clusters or min(1000, max(1, round(total**0.5))), len(points))
    from sklearn.cluster import MiniBatchKMeans  # takes seconds, and a dataset without an encoder needs none of it
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # sums in one order, whatever the machine's number of cores
        means = MiniBatchKMeans(count, random_state=settings.seed, n_init=3, batch_size=1024).fit(points)
        found = []
        for video in videos:
            for embeddings in embeddings_of(video):
                if embeddings is None or embeddings.shape[1] != points.shape[1]:
                    raise mixed(video)
                found.append(means.predict(embeddings).astype(np.int32))
    return np.concatenate(found)


def embeddings_of(video: KeptVideo) -> Iterator[np.ndarray | None]:
    """Embeddings [n, D] of a video's frames, file by file; None for a file without."""
    for table in video.tables(["embedding"]):
        column = table["embedding"].combine_chunks()
        if column.null_count == len(column):
            yield None
            continue
        values = column.flatten().to_numpy(zero_copy_only=False)
        if column.null_count or len(values) % len(column):
            raise mixed(video)
        yield values.reshape(len(column), -1)


def no_clusters(videos: Sequence[KeptVideo]) -> None:
    """Makes sure that no frame has an embedding."""
    for video in videos:
        if any(embeddings is not None for embeddings in embeddings_of(video)):
            raise mixed(video)


def mixed(video: KeptVideo) -> ValueError:
    """Says that frames were not made alike."""
    return ValueError(
        f"video {video.record.video_id}: some frames of the dataset have an embedding and some none, or another length; "
        "curate all videos with the same encoder settings"
    )
