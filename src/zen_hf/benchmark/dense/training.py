# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A fixed number of steps on the training frames of a fold, and the checkpoint that validation videos prefer.

Where a fold has no validation videos, the last step counts: a video left out of two or three would decide by its own
oddities. Test videos are neither decoded nor scored here.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress
from torch import nn

from ..exam import FoldLabels
from ..scoring import video_statistics
from ..task import Target
from ..tuning.epochs import restore, warm_up_then_cosine, weights
from .networks import DenseNetwork
from .settings import DenseSettings
from .truths import TruthBatch, picked, spread

Examples = Iterable[tuple[object, TruthBatch]]  # what the network reads, and the truth


def row_batches(rows: Sequence[int], settings: DenseSettings, seed: int) -> list[np.ndarray]:
    """Rows of every step: all training frames in a random order, again and again."""
    random, size = np.random.default_rng(seed), min(settings.batch_size, len(rows))
    passes = -(-settings.steps * size // len(rows))
    order = np.concatenate([random.permutation(rows) for _ in range(passes)])
    return np.split(order[: settings.steps * size], settings.steps)


def fit(
    network: DenseNetwork,
    examples: Examples,
    optimizer: torch.optim.Optimizer,
    settings: DenseSettings,
    score: Callable[[], float | None] | None,
    say: str,
) -> dict:
    """Train step by step, and leave the chosen checkpoint's weights in the network.

    Args:
        network: what is trained.
        examples: one batch per step.
        optimizer: of the parameters that are trained, with their highest rates.
        settings: how to train.
        score: of the network as it is, on the validation videos, higher is better; None where it is undefined. Without
            any, the last step counts.
        say: what the progress bar shows.

    Returns:
        What happened, ready for JSON.

    Raises:
        FloatingPointError: if the loss leaves the finite numbers.
    """
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, warm_up_then_cosine(settings, settings.steps))
    clipped = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    count = min(settings.checkpoints, settings.steps)
    checkpoints = {-(-settings.steps * number // count) for number in range(1, count + 1)}
    losses, scores, best = [], [], None
    with Progress(console=Console(stderr=True)) as progress:
        bar = progress.add_task(say, total=settings.steps)
        for step, (inputs, truth) in enumerate(examples, start=1):
            network.training_mode()
            loss = network.loss(inputs, truth)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(clipped, settings.clip)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
            if not np.isfinite(losses[-1]):
                raise FloatingPointError(
                    f"the loss is {losses[-1]} in step {step}; lower the learning rates (now {settings})."
                )
            progress.update(bar, advance=1, description=f"{say}, loss {losses[-1]:.3f}")
            if score is None or step not in checkpoints:
                continue
            scores.append([step, found := score()])
            if found is not None and (best is None or found > best[0]):
                best = (found, step, weights(network.module))
    if best is not None:
        restore(network.module, best[2])
    network.module.eval()
    tenth = max(1, len(losses) // 10)
    return {
        "selection": "best checkpoint on validation videos" if best else "last step",
        "steps": len(losses),
        "best_step": best[1] if best else len(losses),
        "train_loss": [float(np.mean(losses[start : start + tenth])) for start in range(0, len(losses), tenth)],
        "validation_scores": scores,
    }


def selected_by(target: Target) -> str:
    """Name of the score by which checkpoints are chosen: for boxes that of masks, so that both tasks share a training."""
    return target.score.replace("box_", "mask_") if target.kind == "instances" else target.score


def validation(
    target: Target,
    labels: FoldLabels,
    rows_of: dict[str, list[int]],
    most: int,
    predict: Callable[[Sequence[int]], Iterator[bytes]],
) -> Callable[[], float | None] | None:
    """The score by which a checkpoint is chosen, as a function of the network as it is then; None without such videos.

    Args:
        target: what is predicted.
        labels: truth of the validation videos.
        rows_of: rows of their frames.
        most: frames that are looked at, evenly over each video.
        predict: from rows to predictions.
    """
    if not labels.fold.val:
        return None
    share = max(1, most // len(labels.fold.val))
    places = {video: spread(len(rows_of[video]), share) for video in labels.fold.val}
    scored = target
    if target.kind in ("segmentation", "partial"):  # distances of boundaries take longer than all else
        scored = replace(target, settings=target.settings | {"distances": selected_by(target) == "hd95_maxdir"})

    def score() -> float | None:
        outputs = {video: list(predict([rows_of[video][place] for place in at])) for video, at in places.items()}
        truth = {video: picked(labels.val[target.name][video], at) for video, at in places.items()}
        of_videos = video_statistics(scored, outputs, truth)
        found = [of_videos[video].get(selected_by(target)) for video in places]
        defined = [value for value in found if value is not None]
        if not defined:  # of boxes alone no score of masks is known
            defined = [value for video in places if (value := of_videos[video][target.score]) is not None]
        return float(np.mean(defined)) * (-1 if target.lower_is_better else 1) if defined else None

    return score
