# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Trains a model epoch by epoch on decoded frames, and leaves the weights of its best epoch in it."""

from collections.abc import Callable
from math import cos, pi

import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress
from torch import nn

from .augmentation import augment
from .decoded_frames import DecodedFrames
from .settings import TuningSettings


def train_epochs(
    model: nn.Module,
    device: torch.device,
    decoded: DecodedFrames,
    count: int,
    loss_of: Callable[[np.ndarray, torch.Tensor], torch.Tensor],
    score: Callable[[], float] | None,
    optimizer: torch.optim.Optimizer,
    settings: TuningSettings,
    seed: int,
    frozen_statistics: bool,
) -> dict:
    """Train epoch by epoch, and leave the best epoch's weights in the model.

    Args:
        model: all that is trained; it is changed.
        device: where the model reads pixels.
        decoded: frames, first those of the training videos.
        count: number of training frames.
        loss_of: the loss of some training frames, from their rows and their augmented pixels [B, 3, S, S].
        score: of the model as it is, on validation videos; None without any.
        optimizer: of the parameters that are trained, with their highest rates.
        settings: how to train.
        seed: of the order of frames and their augmentation.
        frozen_statistics: whether batch norms keep the statistics of the checkpoint.

    Returns:
        What happened, ready for JSON.

    Raises:
        FloatingPointError: if the loss leaves the finite numbers.
    """
    random, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    steps = -(-count // settings.batch_size)
    steps = min(steps, settings.max_steps_per_epoch or steps)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, warm_up_then_cosine(settings, steps * settings.epochs))
    clipped = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    losses, scores, best = [], [], None
    with Progress(console=Console(stderr=True)) as progress:
        bar = progress.add_task("training the trunk", total=steps * settings.epochs)
        for epoch in range(settings.epochs):
            training_mode(model, frozen_statistics)
            batches = np.array_split(random.permutation(count), -(-count // settings.batch_size))[:steps]
            total = 0.0
            for rows, pixels in zip(batches, decoded.batches(batches), strict=True):
                loss = loss_of(rows, augment(pixels.to(device), generator, settings.shrink, settings.brightness))
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(clipped, settings.clip)
                optimizer.step()
                schedule.step()
                total += loss.item()
                if not np.isfinite(total):
                    raise FloatingPointError(
                        f"the loss is {loss.item()} in epoch {epoch + 1}; lower the learning rates (now {settings})."
                    )
                progress.update(bar, advance=1, description=f"epoch {epoch + 1}, loss {loss.item():.3f}")
            losses.append(total / steps)
            if score is None:
                continue
            model.eval()
            scores.append(score())
            if best is None or scores[-1] > best[0]:
                best = (scores[-1], epoch, weights(model))
            elif epoch - best[1] >= settings.patience:
                break
    if best is not None:
        restore(model, best[2])
    return {
        "selection": "fixed number of epochs" if score is None else "best epoch on validation videos",
        "steps_per_epoch": steps,
        "epochs": len(losses),
        "best_epoch": len(losses) if best is None else best[1] + 1,
        "train_loss": losses,
        "validation_scores": scores,
    }


def training_mode(model: nn.Module, frozen_statistics: bool) -> None:
    """Switch dropout and drop path on, and batch norms too unless they keep the statistics of the checkpoint."""
    model.train()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and frozen_statistics:
            module.eval()


def weights(model: nn.Module) -> dict[str, torch.Tensor]:
    """A copy of all that training changes: trained parameters, and buffers."""
    changing = {name: value for name, value in model.named_parameters() if value.requires_grad}
    return {name: value.detach().clone() for name, value in (changing | dict(model.named_buffers())).items()}


@torch.no_grad()
def restore(model: nn.Module, copy: dict[str, torch.Tensor]) -> None:
    """Put back what `weights` copied."""
    current = dict(model.named_parameters()) | dict(model.named_buffers())
    for name, value in copy.items():
        current[name].copy_(value)


def warm_up_then_cosine(settings: TuningSettings, steps: int) -> Callable[[int], float]:
    """Factor of the learning rates at a step: up a line, then down a cosine to zero."""
    rising = round(settings.warm_up * steps)

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / (rising + 1)
        return 0.5 + 0.5 * cos(pi * (step - rising) / max(steps - rising, 1))

    return factor


def has_bf16(device: torch.device) -> bool:
    """Whether a device multiplies in bfloat16 by its own instructions; where it does not, it is slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities()
    return device.type == "cpu" and any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
