# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which view of which frame is trained on in which step: a function of the seed, so a run resumes where it stopped."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import torch
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from zen_hf.data.clips import Clips
from zen_hf.data.frame_sources import Frames
from zen_hf.data.views import ViewSpec, make_view


@dataclass(frozen=True)
class ViewIndex:
    """One view of one frame, or of the clip that starts there; `view` counts passes, modulo the fixed views if any."""

    frame: int
    view: int


class EndlessBatches:
    """Endless batches of view indices for one process.

    Args:
        orders: Give the row and the number of the pass at a position; batch k takes the order k modulo their number.
        batch_size: Views (or clips) per process and batch.
        fixed_views: Number of views that repeat, or 0.
        first: Batch to start with (batches already consumed).
        rank: Number of this process among those that share the orders: N processes with batch b see what one process
            with batch N b sees.
        world_size: Number of processes that share the orders.
    """

    def __init__(
        self,
        orders: list[Callable[[int], tuple[int, int]]],
        batch_size: int,
        fixed_views: int = 0,
        first: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ):
        self.orders, self.batch_size, self.fixed_views = orders, batch_size, fixed_views
        self.number, self.rank, self.world_size = first, rank, world_size

    def __iter__(self) -> Iterator[list[ViewIndex]]:
        while True:
            turn, lane = divmod(self.number, len(self.orders))
            start = (turn * self.world_size + self.rank) * self.batch_size
            batch = []
            for position in range(start, start + self.batch_size):
                frame, number = self.orders[lane](position)
                batch.append(ViewIndex(frame, number % self.fixed_views if self.fixed_views else number))
            self.number += 1
            yield batch


class RenderedViews(TypedDict):
    """What a loader gives.

    `pixels` [B, K, C, S, S] uint8 of clips of K frames, RGB and perhaps the picture's area; `rows` [B, K], the frames
    that are shown; `replaced` [B, K], 1 for a frame that stands in for an unreadable one.
    """

    pixels: torch.Tensor
    rows: torch.Tensor
    replaced: torch.Tensor


class ViewDataset(TorchDataset):
    """Renders views for a `DataLoader`.

    Args:
        frames: The frames.
        spec: How they are augmented.
        seed: Seed of the run.
        replaceable: Sources whose unreadable frames give way to their successors.
    """

    def __init__(self, frames: Frames, spec: ViewSpec, seed: int, replaceable: frozenset[str] = frozenset()):
        self.frames, self.spec, self.seed, self.replaceable = frames, spec, seed, replaceable
        self.clips = None
        if spec.clip_frames > 1:
            pairs = zip(frames["source"][:], frames["video_id"][:], strict=True)
            self.clips = Clips([f"{source} {video}" for source, video in pairs], spec.clip_frames, spec.clip_stride)

    def __getitem__(self, index: ViewIndex) -> RenderedViews:
        wanted = self.clips(index.frame) if self.clips else [index.frame]
        clip = self.frames[wanted[0]]["image"] if self.clips else None
        # drawn rows that share a clip see it differently
        number = (index.view << 20) + index.frame - wanted[0] if self.clips else index.view
        views, rows = [], []
        for place, row in enumerate(wanted):
            # in place of an unreadable frame: its successors, or in a clip the other frames of the clip
            others = wanted[place + 1 :] + wanted[:place] if self.clips else range(row + 1, row + len(self.frames))
            view, shown = self.readable_view([row, *others], number, clip)
            views.append(torch.from_numpy(view.copy()).permute(2, 0, 1))
            rows.append(shown)
        replaced = [int(shown != row) for shown, row in zip(rows, wanted, strict=True)]
        return {"pixels": torch.stack(views), "rows": torch.tensor(rows), "replaced": torch.tensor(replaced)}

    def readable_view(self, rows: Iterable[int], view: int, clip: dict | None) -> tuple[np.ndarray, int]:
        """A view of the first row, or of the first one after it that can be read where its source allows that."""
        for row in rows:
            candidate = row % len(self.frames)
            frame = self.frames[candidate]
            try:
                return make_view(frame["image"], self.spec, self.seed, view, clip), candidate
            except Exception as error:  # noqa: BLE001 (damaged files make Pillow raise nearly everything)
                if frame["source"] not in self.replaceable:
                    where = frame["image"]["path"] or f"frame {candidate} (video {frame['video_id']})"
                    raise ValueError(
                        f"{frame['source']}: {where} cannot be decoded ({error}); replace it, or set on_error: skip"
                    ) from error
        raise ValueError(f"video {frame['video_id']}: no frame can be decoded")


def view_loader(dataset: ViewDataset, batches: EndlessBatches, seed: int, workers: int) -> DataLoader:
    """Loader of rendered views, made in `workers` processes."""
    return DataLoader(
        dataset,
        batch_sampler=batches,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=torch.cuda.is_available(),
        # its own generator: otherwise it would draw from the student's, and a resumed run would differ
        generator=torch.Generator().manual_seed(seed),
    )
