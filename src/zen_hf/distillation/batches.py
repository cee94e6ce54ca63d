# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which view of which frame is trained on in which step: a function of the seed, so a run resumes where it stopped."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from datasets import Dataset
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from zen_hf.data.views import ViewSpec, make_view


@dataclass(frozen=True)
class ViewIndex:
    """One view of one frame; `view` counts the passes over the frames, modulo the fixed views if there are any."""

    frame: int
    view: int


class EndlessBatches:
    """Endless batches of view indices for one process.

    Pass e shows every frame once, in an order drawn from (seed, e); batches run on over the ends of passes. All
    processes draw the same order and take every world-size-th part of a batch, so that N processes with batch b see
    what one process with batch N b sees.

    Args:
        num_frames: Frames in the dataset.
        batch_size: Views per process and step.
        fixed_views: Number of views that repeat, or 0.
        seed: Seed of the run.
        first_step: Step to start with (batches already consumed).
        rank: Number of this process.
        world_size: Number of processes.
    """

    def __init__(
        self,
        num_frames: int,
        batch_size: int,
        fixed_views: int,
        seed: int,
        first_step: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ):
        self.num_frames, self.batch_size, self.fixed_views, self.seed = num_frames, batch_size, fixed_views, seed
        self.step, self.rank, self.world_size = first_step, rank, world_size
        self.order_of_pass: tuple[int, np.ndarray] | None = None

    def order(self, number: int) -> np.ndarray:
        """Order of the frames in a pass."""
        if self.order_of_pass is None or self.order_of_pass[0] != number:
            self.order_of_pass = number, np.random.default_rng([self.seed, 1, number]).permutation(self.num_frames)
        return self.order_of_pass[1]

    def __iter__(self) -> Iterator[list[ViewIndex]]:
        while True:
            start = (self.step * self.world_size + self.rank) * self.batch_size
            batch = []
            for position in range(start, start + self.batch_size):
                number, place = divmod(position, self.num_frames)
                view = number % self.fixed_views if self.fixed_views else number
                batch.append(ViewIndex(int(self.order(number)[place]), view))
            self.step += 1
            yield batch


class ViewDataset(TorchDataset):
    """Renders views for a `DataLoader`: [3, S, S] uint8 per `ViewIndex`."""

    def __init__(self, frames: Dataset, spec: ViewSpec, seed: int):
        self.frames, self.spec, self.seed = frames, spec, seed

    def __getitem__(self, index: ViewIndex) -> torch.Tensor:
        image = self.frames[index.frame]["image"]
        try:
            view = make_view(image, self.spec, self.seed, index.view)
        except OSError as error:
            where = image["path"] or f"row {index.frame}"
            raise ValueError(f"{where}: frame cannot be decoded any more ({error})") from error
        return torch.from_numpy(view.copy()).permute(2, 0, 1)


def view_loader(frames: Dataset, spec: ViewSpec, batches: EndlessBatches, seed: int, workers: int) -> DataLoader:
    """Loader of view batches [B, 3, S, S] uint8, rendered in `workers` processes."""
    return DataLoader(
        ViewDataset(frames, spec, seed),
        batch_sampler=batches,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=torch.cuda.is_available(),
        # its own generator: otherwise it would draw from the student's, and a resumed run would differ
        generator=torch.Generator().manual_seed(seed),
    )
