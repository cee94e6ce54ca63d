# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""One encoder before the frames of one exam: what all dense heads and protocols share."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from statistics import median

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from zen_hf import __version__
from zen_hf.extraction.preconditions import versions_of
from zen_hf.modeling.dense_models import backbone_config, dense_backbone

from ..candidate import Candidate
from ..exam import Exam, FoldLabels
from ..feature_cache import PACKAGES, frames_hash, rows_by_video
from ..pixel_encoder import PixelEncoder
from ..task import Target
from .canvas import RULE, Layout, Place
from .canvas_frames import CanvasFrames
from .frame_truths import FrameTruths, hash_truths
from .networks import DenseNetwork, Inputs, depth_range, model_arguments, truth_kind
from .pictures import DenseValue, to_bytes
from .quiet_models import dense_model
from .settings import DenseSettings
from .training import selected_by
from .trunk_maps import Maps, TrunkMaps
from .truths import CanvasTruths, spread
from .tuned_trunk import normalised

LOOKED_AT = 50  # training frames, for the typical depth
BUILT_WITH = (*PACKAGES, "peft", "faster-coco-eval")  # other versions may give other predictions


@dataclass(frozen=True)
class DenseSitting:
    """An exam with dense targets, and the encoder that sits it.

    Args:
        exam: the task's data.
        candidate: the encoder.
        image_size: side in pixels of the square whose area frames have.
        settings: of dense heads.
        cache_dir: where maps and finished predictions are kept.
    """

    exam: Exam
    candidate: Candidate
    image_size: int
    settings: DenseSettings
    cache_dir: Path

    @cached_property
    def frames(self) -> CanvasFrames:
        """All frames of the exam, on one canvas."""
        return CanvasFrames(self.exam.frames, Layout.of(self.candidate.encoder, self.image_size))

    @cached_property
    def rows_of(self) -> dict[str, list[int]]:
        """Video -> rows of its frames."""
        return rows_by_video(self.exam.frames)

    @cached_property
    def fingerprint(self) -> str:
        """Of the encoder."""
        return self.candidate.encoder.fingerprint

    @cached_property
    def maps_by_layers(self) -> dict[str, TrunkMaps]:
        """Maps that were asked for, by the layers they come from."""
        return {}

    @property
    def is_raw(self) -> bool:
        """Whether the candidate is raw pixels: there is no trunk to train, and nothing for a deep head to read."""
        return isinstance(self.candidate.encoder, PixelEncoder)

    def maps(self, target: Target, head: str) -> TrunkMaps:
        """What a head reads of the frozen trunk, of all frames; those that are trained on first where room is short."""
        encoder = self.candidate.encoder
        layers = "pixels" if self.is_raw else str(backbone_config(encoder.model, head, self.settings.width).layers)
        if layers not in self.maps_by_layers:
            sides = [fold.fold.sides[side] for side in ("train", "val", "test") for fold in self.exam.folds]
            rows_of = {video: self.rows_of[video] for side in sides for video in side}
            key = {"encoder": self.fingerprint, "image_size": self.image_size, "layers": layers}
            key |= {"precision": device_of(encoder).type}
            read = pixel_maps(encoder)
            if not self.is_raw:
                model = dense_model(encoder.model, **model_arguments(target, head, self.settings, 0, 1.0))
                read = trunk_reader(encoder, dense_backbone(model))
            self.maps_by_layers[layers] = TrunkMaps(
                self.frames, rows_of, read, key, self.cache_dir, self.settings.cache_bytes, self.settings.batch_size
            )
        return self.maps_by_layers[layers]

    def truths(self, target: Target, head: str, labels: Mapping[str, FrameTruths]) -> CanvasTruths:
        """Truth of some videos as a head trains on it."""
        kind = truth_kind(target, head)
        rows = {
            row: (truths, index) for video, truths in labels.items() for index, row in enumerate(self.rows_of[video])
        }
        return CanvasTruths(kind, len(target.labels) + (kind != target.kind), self.frames, rows)

    def rows(self, videos: Sequence[str]) -> list[int]:
        """Rows of the frames of some videos, one after the other."""
        return [row for video in videos for row in self.rows_of[video]]

    def outputs(
        self, target: Target, videos: Sequence[str], predict: Callable[[Sequence[int]], Iterator[bytes]]
    ) -> dict[str, list[bytes]]:
        """Predictions of whole videos."""
        console = Console(stderr=True)
        return {
            video: list(track(predict(rows), f"predicting {target.name}", total=len(rows), console=console))
            for video, rows in ((video, self.rows_of[video]) for video in videos)
        }

    def predicting(
        self,
        target: Target,
        batches: Callable[[Sequence[Sequence[int]]], Iterator[Inputs]],
        predict: Callable[[Inputs, Sequence[Place]], list[DenseValue]],
    ) -> Callable[[Sequence[int]], Iterator[bytes]]:
        """From rows to what is kept of their predictions, one frame at a time.

        Args:
            target: what is predicted.
            batches: from rows of batches to what a network reads.
            predict: from that, and where the frames lie, to predictions.
        """

        def of_rows(rows: Sequence[int]) -> Iterator[bytes]:
            size = self.settings.batch_size
            parts = [list(rows[start : start + size]) for start in range(0, len(rows), size)]
            for part, inputs in zip(parts, batches(parts), strict=True):
                for value in predict(inputs, [self.frames.place(row) for row in part]):
                    yield to_bytes(target.kind, value)

        return of_rows

    def pixels(self, batches: Sequence[Sequence[int]]) -> Iterator[torch.Tensor]:
        """Normalised pixels of one batch of rows after the other."""
        for rows, pixels in zip(batches, self.frames.batches(batches), strict=True):
            yield normalised(self.candidate.encoder, pixels, self.frames.inside(rows))

    def key(self, labels: FoldLabels, target: Target, **how: object) -> dict:
        """All that predictions of a fold depend on, ready for JSON; nothing of the truth of test videos is in it.

        Args:
            labels: the fold.
            target: what is predicted.
            how: what else they depend on, such as the head and the seed.
        """
        settings = {name: value for name, value in asdict(self.settings).items() if name != "cache_bytes"}
        truth = labels.train[target.name] | labels.val[target.name]
        return how | {
            "encoder": self.fingerprint,
            "random_weights": self.candidate.random_weights,
            "precision": device_of(self.candidate.encoder).type,
            "image_size": self.image_size,
            "frame_to_pixels": RULE,
            "canvas": list(self.frames.canvas),
            "target": [target.name, target.kind, list(target.labels), target.settings, selected_by(target)],
            "fold": {side: list(videos) for side, videos in labels.fold.sides.items()},
            "frames": {
                video: frames_hash(self.exam.frames.select(self.rows_of[video])) for video in labels.fold.videos
            },
            "truth": {video: hash_truths(truths) for video, truths in truth.items()},
            "settings": settings,
            "depths": depth_range(target),
            "versions": versions_of(BUILT_WITH) | {"zen-hf": __version__},
        }


def device_of(encoder) -> torch.device:
    """Where an encoder runs; raw pixels on the CPU. Keys name it: results of a GPU differ in the last digits."""
    return encoder.mean.device if hasattr(encoder, "mean") else torch.device("cpu")


def trunk_reader(encoder, backbone) -> Callable[[torch.Tensor, torch.Tensor], Maps]:
    """From frames to the maps that a backbone makes its levels from."""

    @torch.no_grad()
    def read(pixels: torch.Tensor, inside: torch.Tensor) -> Maps:
        inputs = normalised(encoder, pixels, inside)
        with DenseNetwork.autocast(inputs.device):
            return list(backbone.trunk_maps(inputs))

    return read


def pixel_maps(encoder: PixelEncoder) -> Callable[[torch.Tensor, torch.Tensor], Maps]:
    """From frames to the small map of their colours."""

    def read(pixels: torch.Tensor, inside: torch.Tensor) -> Maps:
        features = encoder(pixels)
        return [features.patches.transpose(1, 2).unflatten(2, features.grid)]

    return read


def typical_depth(target: Target, labels: FoldLabels) -> float:
    """Median over training frames of their median known depth; 1 where no depth is predicted.

    Raises:
        ValueError: if no training frame has any known depth.
    """
    if target.kind != "depth":
        return 1.0
    by_video, medians = labels.train[target.name], []
    for video in sorted(by_video):
        for index in spread(len(by_video[video]), max(1, LOOKED_AT // len(by_video))):
            depth = by_video[video][index]
            medians += [float(np.median(depth[depth > 0]))] if (depth > 0).any() else []
    if not medians:
        raise ValueError(f"{target.name}: no training frame has any known depth; mend its reader.")
    return median(medians)
