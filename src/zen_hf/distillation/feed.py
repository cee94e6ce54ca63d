# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What a step is made of: views for the student, and what the teachers say of them."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from rich.progress import Progress

from zen_hf.data.frame_sources import Frames
from zen_hf.data.mixture import WINDOW, MixtureSpec, mix
from zen_hf.data.streamed_frames import StreamedFrames
from zen_hf.data.views import ViewSpec
from zen_hf.distillation.batches import EndlessBatches, RenderedViews, ViewDataset, view_loader
from zen_hf.distillation.calibration import Targets
from zen_hf.distillation.log_window import LogWindow
from zen_hf.distillation.target_cache import TargetCache
from zen_hf.distillation.teachers import Teacher, VideoTeacher, resize


@dataclass
class Batch:
    """One batch on the device.

    Attributes:
        pixels: The student's normalised input [B, 3, s, s]; frames of a clip follow each other.
        targets: What the teachers that take part say.
        token_weights: Share of every patch that is picture and not black border [B, N]; None where all is picture.
        groups: Group of every frame [B].
        offsets: Teacher to `(dy, dx)`, its crop minus the student's, in patches.
        replaced: Frames that stand in for unreadable ones.
    """

    pixels: torch.Tensor
    targets: Targets
    token_weights: torch.Tensor | None = None
    groups: torch.Tensor | None = None
    offsets: dict[str, tuple[int, int]] = field(default_factory=dict)
    replaced: int = 0


class Feed:
    """Endless batches; which, is a function of the seed and their number.

    Args:
        frames: The frames.
        views: How they are augmented.
        mixture: How often the frames of each source are seen.
        teachers: The teachers.
        grids: Side of the student's input in pixels to its patch grid; every batch draws one.
        normalisation: Mean and standard deviation of the student's input, [1, 3, 1, 1].
        accelerator: Device, precision and processes.
        batch_size: Views per process.
        workers: Processes that render views.
        teacher_chunk: Views that a teacher sees at once; 0 for all.
        max_shift: Largest offset between the crops of student and teacher, in patches.
        replaceable: Sources whose unreadable frames give way to their successors.
        seed: Seed of the run.
    """

    def __init__(
        self,
        frames: Frames,
        views: ViewSpec,
        mixture: MixtureSpec,
        teachers: list[Teacher | VideoTeacher],
        grids: dict[int, tuple[int, int]],
        normalisation: tuple[torch.Tensor, torch.Tensor],
        accelerator: Accelerator,
        batch_size: int,
        workers: int,
        teacher_chunk: int,
        max_shift: int,
        replaceable: frozenset[str],
        seed: int,
    ):
        self.views, self.teachers, self.grids = views, teachers, grids
        self.mean, self.std = normalisation
        self.accelerator, self.batch_size, self.workers, self.seed = accelerator, batch_size, workers, seed
        self.teacher_chunk, self.max_shift, self.frames = teacher_chunk, max_shift, frames
        self.dataset = ViewDataset(frames, views, seed, replaceable)
        names = frames[mixture.by][:]
        self.group_names = sorted(set(names))
        number = {name: index for index, name in enumerate(self.group_names)}
        self.group_of_row = np.array([number[name] for name in names])
        self.weights = mixture.frame_weights(frames)
        sizes = dict(zip(self.group_names, np.bincount(self.group_of_row, self.weights).tolist(), strict=True))
        even = mixture.temperature == 1 and not mixture.weights  # all frames equally often: one group will do
        self.shares = [1.0] if even else list(mixture.shares(sizes).values())
        self.mixed_groups = np.zeros_like(self.group_of_row) if even else self.group_of_row
        if isinstance(
            frames, StreamedFrames
        ):  # every group goes through a window of its own, clips reach into the next
            frames.kept_tables = (WINDOW + 8) * len(self.shares) * (2 if views.clip_frames > 1 else 1)
            if views.fixed:
                raise ValueError(
                    f"views.fixed is {views.fixed}, but the frames stream: caches are for sets that are at hand; set "
                    "streaming: false or views.fixed: 0"
                )
        self.orders()  # a group that is too small is found before anything is written
        self.caches: dict[int, TargetCache] = {}

    def fill_caches(self, folder: Path, progress: Progress) -> dict[int, int]:
        """Every teacher's outputs for every fixed view at every size; all processes compute what is missing.

        Returns:
            Size to number of views that were computed.
        """
        computed = {}
        for size, grid in self.grids.items():
            heard = self.heard(size)
            self.caches[size] = TargetCache(folder, self.frames, self.views, heard, grid, self.seed)
            rank, world_size = self.accelerator.process_index, self.accelerator.num_processes
            own = self.caches[size].fill(progress, rank=rank, world_size=world_size)
            computed[size] = sum(gather_object([own]))  # which also waits for the others
        return computed

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the frames' places and videos and of the teachers: what a resumed run must find again."""
        digest = hashlib.sha256()
        for column in ("source", "video_id"):
            digest.update("\0".join(self.frames[column][:]).encode())
        if isinstance(self.frames, StreamedFrames):
            digest.update(str([(group.url, group.rows) for group in self.frames.groups]).encode())
        for teacher in self.teachers:
            digest.update(teacher.encoder.fingerprint.encode())
        return digest.hexdigest()

    def heard(self, size: int) -> list[Teacher | VideoTeacher]:
        """Teachers that are heard at a size of the student's input."""
        return [
            teacher for teacher in self.teachers if not teacher.spec.image_sizes or size in teacher.spec.image_sizes
        ]

    def size(self, number: int) -> int:
        """Side of the student's input in a batch, the same in every process."""
        sizes = list(self.grids)
        return sizes[np.random.default_rng([self.seed, 5, number]).integers(len(sizes))]

    def orders(self) -> list:
        """The orders that this process follows, and whether it shares them with the others."""
        if not isinstance(self.frames, StreamedFrames):
            return [mix(self.mixed_groups, self.shares, self.seed, weights=self.weights)]
        readers = max(self.workers, 1)
        lanes = self.accelerator.num_processes * readers
        first = self.accelerator.process_index * readers
        blocks = self.frames.blocks
        return [
            mix(self.mixed_groups, self.shares, self.seed, blocks, first + reader, lanes, self.weights)
            for reader in range(readers)
        ]

    def indices(self, first: int) -> EndlessBatches:
        """Which views of which frames this process takes, from a batch on."""
        shared = not isinstance(self.frames, StreamedFrames)
        return EndlessBatches(
            self.orders(),
            self.batch_size // self.views.clip_frames,
            self.views.fixed,
            first,
            rank=self.accelerator.process_index if shared else 0,
            world_size=self.accelerator.num_processes if shared else 1,
        )

    def batches(
        self,
        first: int,
        drawn: Callable[[int, list[str]], list[str]],
        window: LogWindow | None = None,
        aligned: bool = False,
    ) -> Iterator[Batch]:
        """Endless batches on the device.

        Args:
            first: Number of the batch to begin with.
            drawn: Gives the names of the teachers that take part in a batch, from its number and those that are heard.
            window: Counts the time spent on views and on teachers.
            aligned: Whether the teachers' crops are the student's in spite of `max_shift`.
        """
        window = window or LogWindow(0, [], self.accelerator.device)
        indices = self.indices(first)
        if self.caches:
            # a size and its cache belong together
            source = (self.caches[self.size(number)].read(batch) for number, batch in enumerate(indices, start=first))
        else:
            source = ((views, None) for views in view_loader(self.dataset, indices, self.seed, self.workers))
        number = first
        while True:
            with window.timing("data_wait"):
                views, targets = next(source)
            yield self.batch(number, views, targets, drawn, window, aligned)
            number += 1

    def batch(
        self,
        number: int,
        views: RenderedViews,
        targets: Targets | None,
        drawn: Callable[[int, list[str]], list[str]],
        window: LogWindow,
        aligned: bool,
    ) -> Batch:
        """Makes a batch of rendered views, and of the teachers' answers unless they are known."""
        device, size = self.accelerator.device, self.size(number)
        grid, shift = self.grids[size], self.max_shift
        planes = views["pixels"].flatten(0, 1).to(device, non_blocking=True)  # [B, C, S, S]
        images = planes[:, :3].float() / 255
        random = np.random.default_rng([self.seed, 7, number])
        own = random.integers(0, shift + 1, 2)
        heard = self.heard(size)
        names = drawn(number, [teacher.name for teacher in heard])
        teachers = [teacher for teacher in heard if teacher.name in names]
        corners = {teacher.name: random.integers(0, shift + 1, 2) for teacher in self.teachers}
        if aligned:
            corners = dict.fromkeys(corners, own)
        pixels = token_crop(images, grid, shift, own, size // grid[0])
        if targets is None:
            with window.timing("teacher_time"):
                targets = {t.name: self.answer(t, images, grid, corners[t.name]) for t in teachers}
        weights = None
        if planes.shape[1] == 4:
            canvas = (grid[0] + shift, grid[1] + shift)
            shares = torch.nn.functional.adaptive_avg_pool2d(planes[:, 3:].float() / 255, canvas)  # [B, 1, h, w]
            weights = shares[:, 0, own[0] : own[0] + grid[0], own[1] : own[1] + grid[1]].flatten(1)
        rows = views["rows"].flatten()
        return Batch(
            pixels=(pixels - self.mean) / self.std,
            targets={name: (s.to(device), p.to(device)) for name, (s, p) in targets.items() if name in names},
            token_weights=weights,
            groups=torch.from_numpy(self.group_of_row[rows.numpy()]),
            offsets={name: tuple((corner - own).tolist()) for name, corner in corners.items()},
            replaced=int(views["replaced"].sum()),
        )

    def answer(
        self, teacher: Teacher | VideoTeacher, images: torch.Tensor, grid: tuple[int, int], corner: np.ndarray
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What a teacher says of views [B, 3, S, S] in [0, 1], in its own crop, on the student's grid."""
        crop = token_crop(images, grid, self.max_shift, corner, teacher.encoder.stride) if self.max_shift else images
        if teacher.is_video:
            crop = crop.unflatten(0, (-1, self.views.clip_frames))  # [B / K, K, 3, H, W]
        with self.accelerator.autocast():
            parts = [teacher(part, grid) for part in crop.split(self.teacher_chunk or len(crop))]
        return torch.cat([part.summary for part in parts]), torch.cat([part.patches for part in parts])


def token_crop(
    images: torch.Tensor, grid: tuple[int, int], shift: int, corner: np.ndarray, patch: int
) -> torch.Tensor:
    """A crop of `grid` patches from a view of `grid + shift` patches, both measured in patches of `patch` pixels.

    Args:
        images: Views [B, 3, S, S] in [0, 1].
        grid: Rows and columns (h, w) of the crop.
        shift: By how many patches the view is larger.
        corner: Row and column of the crop's upper left corner, in patches, from 0 to `shift`.
        patch: Side of a patch in pixels.

    Returns:
        [B, 3, h * patch, w * patch].
    """
    canvas = resize(images, ((grid[0] + shift) * patch, (grid[1] + shift) * patch))
    top, left = (int(edge) * patch for edge in corner)
    return canvas[:, :, top : top + grid[0] * patch, left : left + grid[1] * patch]
