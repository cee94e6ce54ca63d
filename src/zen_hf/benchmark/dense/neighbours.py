# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Dense prediction without training: every patch is answered by the training patches most like it.

    v(x) = sum_{i in k nearest} w_i y_i / sum w_i,   w_i = exp(cos(x, x_i) / T)

in the manner of I. Balazevic et al., "Towards In-Context Scene Understanding", arXiv:2306.01667, section 3.2 (k = 30,
T = 0.02): y_i is what the cells of a training patch show, as shares of the classes, or their mean log depth. The memory is
bounded: as many patches of every training frame, drawn by seed. There is nothing to choose, so validation videos are not used.
"""

from collections.abc import Sequence

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from torch.nn import functional

from .canvas import Place
from .decisions import decided
from .pictures import DenseValue
from .trunk_maps import Maps, TrunkMaps
from .truths import CanvasTruths, TruthBatch

NEIGHBOURS, TEMPERATURE = 30, 0.02
LEAST_SHARE = 1e-4
SIMILARITIES = 2**26  # that are in memory at once: 256 MiB of float32


class PatchMemory:
    """Training patches and what they show.

    Args:
        kind: of the truth: "segmentation", "partial" or "depth".
        patches: of unit length, [memory, C] float32.
        answers: shares of the classes, presence of the channels, or log depth, [memory, K].
        known: which answers are known, [memory, K] of bool; a class's share always is.
        device: where the vote is taken.
    """

    def __init__(
        self, kind: str, patches: torch.Tensor, answers: torch.Tensor, known: torch.Tensor, device: torch.device
    ):
        """Sort the patches by which of their answers are known."""
        self.kind, self.device, self.count = kind, device, len(patches)
        votes = [slice(k, k + 1) for k in range(known.shape[1])] if kind == "partial" else [slice(None)]
        sure = [known[:, columns].all(dim=1) for columns in votes]  # of each channel, or of all classes together
        self.groups = [
            (patches[group].to(device), answers[group, columns].to(device))
            for columns, group in zip(votes, sure, strict=True)
        ]

    def vote(self, maps: torch.Tensor) -> torch.Tensor:
        """Answers [B, K, h, w] of the patches [B, C, h, w] of some frames."""
        queries = functional.normalize(maps.to(self.device).movedim(1, -1).flatten(0, 2), dim=1)  # [B h w, C]
        found = torch.cat([self.answered(queries, *group) for group in self.groups], dim=1)
        return found.unflatten(0, (maps.shape[0], *maps.shape[2:])).movedim(-1, 1)

    @staticmethod
    def answered(queries: torch.Tensor, patches: torch.Tensor, answers: torch.Tensor) -> torch.Tensor:
        """What some patches answer, [queries, K], a bounded number of queries at a time."""
        if not len(patches):
            return queries.new_zeros(len(queries), answers.shape[1])  # never annotated: never there
        found = []
        for some in queries.split(max(1, SIMILARITIES // len(patches))):
            nearest = (some @ patches.T).topk(min(NEIGHBOURS, len(patches)), dim=1)
            weights = (nearest.values / TEMPERATURE).softmax(dim=1)  # [queries, k]
            found.append(torch.einsum("qk,qkc->qc", weights, answers[nearest.indices]))
        return torch.cat(found)

    def predict(self, maps: Maps, places: Sequence[Place], kind: str, **depths: float) -> list[DenseValue]:
        """Predictions of some frames, [B, C, h, w] and where they lie; `kind` is the target's."""
        votes = self.vote(maps[-1])
        if self.kind == "partial":
            votes = votes.logit(eps=LEAST_SHARE)
        elif self.kind == "segmentation":
            votes = votes.clamp(min=LEAST_SHARE).log()
        return [decided(kind, values, place, **depths) for values, place in zip(votes, places, strict=True)]


def remember(
    maps: TrunkMaps, truths: CanvasTruths, rows: Sequence[int], memory: int, seed: int, device: torch.device
) -> PatchMemory:
    """Draw the patches to remember.

    Args:
        maps: of the training frames.
        truths: of the same frames; instances as classes.
        rows: the training frames.
        memory: number of patches, about.
        seed: of the draw.
        device: where the vote is taken.
    """
    random = np.random.default_rng(seed)
    rows = np.sort(random.choice(rows, min(len(rows), memory), replace=False))
    share = max(1, memory // len(rows))
    patches, answers, known = [], [], []
    of_rows = zip(rows, maps.batches([[row] for row in rows]), strict=True)
    for row, found in track(of_rows, "remembering patches", total=len(rows), console=Console(stderr=True)):
        features = found[-1]  # [1, C, h, w]
        said, sure = answers_of(truths.kind, truths.classes, truths.batch([row]), features.shape[-2:])
        usable = np.flatnonzero(sure.any(dim=1).numpy())
        drawn = random.choice(usable, min(share, len(usable)), replace=False)
        patches.append(functional.normalize(features[0].flatten(1).T[drawn], dim=1))
        answers.append(said[drawn])
        known.append(sure[drawn])
    return PatchMemory(truths.kind, torch.cat(patches), torch.cat(answers), torch.cat(known), device)


def answers_of(kind: str, classes: int, truth: TruthBatch, grid: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """What the patches of one frame show, and what of it is known, [h * w, K] each.

    Args:
        kind: of the truth.
        classes: number of its classes, with the background of instances.
        truth: of one frame, on the grid of the truth.
        grid: rows and columns of the patches.
    """
    if kind == "segmentation":
        cells = functional.one_hot(truth.classes[0].clamp(max=classes), classes + 1)  # IGNORE is the last
        values, certain = cells[..., :classes].movedim(-1, 0).float(), (truth.classes < classes).float()
    elif kind == "partial":
        values, certain = (truth.present & truth.known)[0].float(), truth.known[0].float()
    else:
        certain = (truth.depth > 0).float()
        values = truth.depth.clamp(min=torch.finfo(torch.float32).tiny).log() * certain
    shares = functional.adaptive_avg_pool2d(values[None], grid)[0]
    counted = functional.adaptive_avg_pool2d(certain[None], grid)[0]
    said = (shares / counted.clamp(min=1e-6)).flatten(1).T
    return said, (counted > 0).flatten(1).T.expand(said.shape)
