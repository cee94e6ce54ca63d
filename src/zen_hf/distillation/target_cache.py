# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Teacher outputs for fixed views, computed once and kept in safetensors files that are named after their content."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from datasets import Dataset
from rich.progress import Progress
from safetensors.torch import load_file, save_file

from zen_hf.atomic_files import atomic_folder
from zen_hf.data.frame_sources import image_bytes
from zen_hf.data.views import ViewSpec, make_view
from zen_hf.distillation.batches import RenderedViews, ViewIndex
from zen_hf.distillation.teachers import Teacher

LAYOUT = 1  # raise when what a cached file holds changes: old files are then not found any more
MAPPED_FILES = 10_000  # a mapping holds no file descriptor; Linux allows 65,530 per process
BLOCK = 256  # frames per file at most; files never span two videos, so selections of videos share them


@dataclass(frozen=True)
class Block:
    """Frames of one video that lie in one file: their rows in the dataset and the key of their content."""

    rows: list[int]
    key: str


class TargetCache:
    """Views and teacher outputs of a fixed set of views.

    A file is addressed by a hash over everything that shapes it: the frames' encoded bytes, the views' settings and
    seed, the teachers' weights and normalisation, grid and layout. A changed setting therefore never finds old files.

    Args:
        folder: Where files are kept; may be shared by many runs.
        frames: Frames with columns `image` (undecoded) and `video_id`.
        spec: Views; `spec.fixed` of them per frame.
        teachers: The teachers.
        grid: Patch grid (h, w) of the student.
        seed: Seed of the views.
    """

    def __init__(
        self, folder: Path, frames: Dataset, spec: ViewSpec, teachers: list[Teacher], grid: tuple[int, int], seed: int
    ):
        self.folder, self.frames, self.spec, self.teachers = Path(folder), frames, spec, teachers
        self.grid, self.seed = grid, seed
        other = {"fixed", "mask_border", "clip_frames", "clip_stride"}  # what a teacher says does not hang on these
        views = {k: v for k, v in asdict(spec).items() if k not in other}
        shared = {"layout": LAYOUT, "views": views, "seed": seed}
        self.pixel_key = digest(shared | ({"mask_border": True} if spec.mask_border else {}))
        self.keys = {
            teacher.name: digest(shared | {"teacher": teacher.encoder.fingerprint, "grid": list(grid)})
            + {"grid_match": "", "native": f"-{teacher.spec.image_size}", "pad": f"-pad{teacher.spec.image_size}"}[
                teacher.spec.resolution
            ]
            for teacher in teachers
        }
        self.blocks = list(self.find_blocks())
        self.place = {row: (block, at) for block in self.blocks for at, row in enumerate(block.rows)}
        self.mapped_files: dict[Path, dict[str, torch.Tensor]] = {}

    def find_blocks(self) -> Iterator[Block]:
        """Groups the frames by video and names each group after its content."""
        rows_of_video: dict[tuple[str, str], list[int]] = {}
        for row, (source, video) in enumerate(zip(self.frames["source"][:], self.frames["video_id"][:], strict=True)):
            rows_of_video.setdefault((source, video), []).append(row)
        for rows in rows_of_video.values():
            for start in range(0, len(rows), BLOCK):
                part = rows[start : start + BLOCK]
                content = hashlib.sha256()
                for row in part:
                    content.update(hashlib.sha256(image_bytes(self.frames[row]["image"])).digest())
                yield Block(part, content.hexdigest()[:24])

    def path(self, block: Block, view: int, key: str) -> Path:
        """File of one block, view and content (the pixels or one teacher's outputs)."""
        return self.folder / key / f"{block.key}-view{view:03d}" / "targets.safetensors"

    def fill(self, progress: Progress, batch_size: int = 32, rank: int = 0, world_size: int = 1) -> int:
        """Runs the teachers on every view whose file is missing.

        Args:
            progress: Shows how far this process is.
            batch_size: Views that a teacher sees at once.
            rank: Number of this process among those that fill the cache together, each its part.
            world_size: Number of these processes.

        Returns:
            Number of views that this process computed; 0 if all were there.
        """
        content = {block.key: block for block in self.blocks}  # videos may hold the same frames
        parts = [(block, view) for view in range(self.spec.fixed) for block in content.values()]
        missing = [
            (block, view)
            for block, view in parts[rank::world_size]  # of all, not of what the others may have written by now
            if not all(self.path(block, view, key).exists() for key in (self.pixel_key, *self.keys.values()))
        ]
        total = sum(len(block.rows) for block, _ in missing)
        if not total:
            return 0
        task = progress.add_task("Caching teachers", total=total, status="")
        for block, view in missing:
            self.fill_block(block, view, batch_size)
            progress.advance(task, len(block.rows))
        progress.remove_task(task)
        return total

    def fill_block(self, block: Block, view: int, batch_size: int) -> None:
        """Computes what is missing of one block and view."""
        pixels = torch.stack([self.render(block, at, view) for at in range(len(block.rows))])  # [F, C, S, S] uint8
        store(self.path(block, view, self.pixel_key), {"pixels": pixels})
        for teacher in self.teachers:
            path = self.path(block, view, self.keys[teacher.name])
            if path.exists():
                continue
            outputs = [teacher(chunk.float() / 255, self.grid) for chunk in pixels[:, :3].split(batch_size)]
            summaries = torch.cat([output.summary for output in outputs])
            patches = torch.cat([output.patches for output in outputs])
            store(path, {"summary": summaries.float().cpu(), "patches": patches.to(torch.bfloat16).cpu()})

    def render(self, block: Block, at: int, view: int) -> torch.Tensor:
        """One view [C, S, S] uint8."""
        image = self.frames[block.rows[at]]["image"]
        return torch.from_numpy(make_view(image, self.spec, self.seed, view).copy()).permute(2, 0, 1)

    def read(self, batch: list[ViewIndex]) -> tuple[RenderedViews, dict[str, tuple[torch.Tensor, torch.Tensor]]]:
        """What a loader would give, and per teacher summary [B, Cs] and patches [B, N, C]."""
        pixels = torch.stack([self.row(index, self.pixel_key, "pixels") for index in batch])
        rows = torch.tensor([[index.frame] for index in batch])
        targets = {
            name: (
                torch.stack([self.row(index, key, "summary") for index in batch]),
                torch.stack([self.row(index, key, "patches") for index in batch]),
            )
            for name, key in self.keys.items()
        }
        return {"pixels": pixels[:, None], "rows": rows, "replaced": torch.zeros_like(rows)}, targets

    def row(self, index: ViewIndex, key: str, tensor: str) -> torch.Tensor:
        """One frame's row of a cached tensor."""
        block, at = self.place[index.frame]
        path = self.path(block, index.view, key)
        if path not in self.mapped_files:  # mapped into memory, not read
            if len(self.mapped_files) >= MAPPED_FILES:
                self.mapped_files.clear()
            self.mapped_files[path] = load_file(path)
        return self.mapped_files[path][tensor][at]


def digest(settings: dict) -> str:
    """Name of everything that was computed with these settings."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:24]


def store(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Writes a file so that it is either whole or absent."""
    if path.exists():
        return
    path.parent.parent.mkdir(parents=True, exist_ok=True)
    try:
        with atomic_folder(path.parent) as folder:
            save_file(tensors, folder / path.name)
    except OSError:
        if not path.exists():  # else another run was faster: same name, same content
            raise
