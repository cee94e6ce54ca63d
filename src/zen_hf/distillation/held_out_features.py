# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Features of whole frames, by the student, its adaptors and the teachers, on the CPU in float32."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from zen_hf.distillation.teachers import Teacher, resize
from zen_hf.modeling.frame_encoder import FrameFeatures
from zen_hf.modeling.modeling_zen_distillation import ZenForDistillation

BATCH = 16
TRUNK = "the trunk"  # no teacher can have a name with a space


def encode_frames(
    encoder: Callable[[torch.Tensor], dict[str, FrameFeatures]],
    pixels: torch.Tensor,
    grid: tuple[int, int],
    tokens: int,
) -> dict[str, FrameFeatures]:
    """What an encoder says of frames, on every k-th row and column of the patch grid.

    Args:
        encoder: From images [B, 3, S, S] in [0, 1] to features by name, all on the grid.
        pixels: Frames [F, 3, S, S], uint8.
        grid: Rows and columns of the patch grid.
        tokens: Patch tokens kept per frame, at most.
    """
    kept, kept_grid = kept_tokens(grid, tokens)
    summaries, patches = {}, {}
    for batch in pixels.split(BATCH):
        for name, features in encoder(batch.float() / 255).items():
            summaries.setdefault(name, []).append(features.summary.float().cpu())
            patches.setdefault(name, []).append(features.patches.float().cpu()[:, kept])
    return {name: FrameFeatures(torch.cat(summaries[name]), torch.cat(patches[name]), kept_grid) for name in summaries}


def student_encoder(
    student: ZenForDistillation, size: int, grid: tuple[int, int], teachers: list[str]
) -> Callable[[torch.Tensor], dict[str, FrameFeatures]]:
    """The trunk (`TRUNK`) and its adaptors for some teachers, at one size of the input."""
    device, config = next(student.parameters()).device, student.config
    statistics = (config.image_mean, config.image_deviation)
    mean, std = (torch.tensor(value, device=device).view(1, -1, 1, 1) for value in statistics)

    def encode(images: torch.Tensor) -> dict[str, FrameFeatures]:
        output = student((resize(images.to(device), (size, size)) - mean) / std)
        trunk = FrameFeatures(output.pooler_output, output.last_hidden_state[:, config.num_prefix_tokens :], grid)
        said = {name: FrameFeatures(output.summaries[name], output.patches[name], grid) for name in teachers}
        return {TRUNK: trunk, **said}

    return encode


def token_maps(
    pixels: torch.Tensor,
    students: dict[str, ZenForDistillation],
    teachers: list[Teacher],
    size: int,
    grid: tuple[int, int],
) -> dict[str, torch.Tensor]:
    """All patch tokens [F, h * w, C] of some frames [F, 3, S, S] uint8, by students and teachers, at one size."""
    encoders = {name: student_encoder(student, size, grid, []) for name, student in students.items()}
    encoders |= {teacher.name: lambda images, teacher=teacher: {TRUNK: teacher(images, grid)} for teacher in teachers}
    with undisturbed(*students.values()):
        return {
            name: encode_frames(encoder, pixels, grid, tokens=grid[0] * grid[1])[TRUNK].patches
            for name, encoder in encoders.items()
        }


def picture_tokens(picture: torch.Tensor, grid: tuple[int, int], tokens: int) -> torch.Tensor:
    """Which of the tokens that are kept show more picture than black border [F, n], as statistics and losses do."""
    shares = torch.nn.functional.adaptive_avg_pool2d(picture, grid).flatten(1)  # [F, h * w]
    return shares[:, kept_tokens(grid, tokens)[0]] > 0.5


def kept_tokens(grid: tuple[int, int], most: int) -> tuple[torch.Tensor, tuple[int, int]]:
    """Every k-th row and column of a patch grid, k the smallest that keeps at most `most`: places, and their grid."""
    rows, columns = grid
    step = 1
    while -(-rows // step) * -(-columns // step) > most:
        step += 1
    places = torch.arange(rows * columns).view(grid)[::step, ::step]
    return places.flatten(), tuple(places.shape)


def answered(features: FrameFeatures) -> torch.Tensor:
    """Frames whose features are finite [F]."""
    return features.summary.isfinite().all(dim=1) & features.patches.isfinite().flatten(1).all(dim=1)


@contextmanager
def undisturbed(*models: nn.Module) -> Iterator[None]:
    """Evaluation without a trace: no gradient, and every module's mode and the random state are as before."""
    modes = [(module, module.training) for model in models for module in model.modules()]
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    for model in models:
        model.eval()
    try:
        with torch.random.fork_rng(devices), torch.no_grad():  # some teachers draw: ViTMAE masks at random
            yield
    finally:
        for module, mode in modes:
            module.training = mode
