# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The yardstick of `distillation_step.py`: multi-teacher distillation as one writes it in an afternoon, in one file.

It computes what the engine computes with `balancing.method: dropping` (UNIC, arXiv 2408.05088) for a trunk and heads of
the same shapes, and does it the plain way: frames are decoded one by one while the step waits, teachers are whole
float32 models outside of autocast, every teacher has head modules of its own that are called one after the other,
targets are standardised by running statistics, losses and dropping are loops over the frames of a batch, and every
step waits for the loss to be printed.
"""

import inspect
import random
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional
from transformers import PreTrainedModel

MEAN, STD = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


class Head(nn.Module):
    """Two linear layers between trunk and teacher."""

    def __init__(self, width: int, inner: int, output: int):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width, inner), nn.LayerNorm(inner), nn.GELU(), nn.Linear(inner, output))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Tokens [..., width] to [..., output]."""
        return self.layers(tokens)


class RunningStatistics(nn.Module):
    """Mean and deviation per channel, averaged over steps."""

    def __init__(self, width: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("std", torch.ones(width))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Updates the statistics and standardises."""
        flat = features.flatten(0, -2)
        self.mean.mul_(0.99).add_(0.01 * flat.mean(0))
        self.std.mul_(0.99).add_(0.01 * flat.std(0))
        return (features - self.mean) / (self.std + 1e-6)


class ReferenceLoop:
    """Trunk, heads, teachers, frames and an optimiser.

    Args:
        trunk: A ZEN trunk.
        teachers: Name to model, pixels per patch, width of summary and width of patches.
        files: The frames.
        image_size: Side of the student's input in pixels.
        batch_size: Frames per step.
        bf16: Whether the student is computed in bfloat16.
        device: Where.
    """

    def __init__(
        self,
        trunk: PreTrainedModel,
        teachers: dict[str, tuple[PreTrainedModel, int, int, int]],
        files: list[Path],
        image_size: int,
        batch_size: int,
        bf16: bool,
        device: torch.device,
    ):
        self.trunk, self.files, self.device, self.bf16 = trunk.to(device).train(), files, device, bf16
        self.image_size, self.batch_size = image_size, batch_size
        self.grid = image_size // trunk.config.patch_size
        self.teachers = {name: model.float().eval().to(device) for name, (model, *_) in teachers.items()}
        self.sides = {name: self.grid * stride for name, (_, stride, _, _) in teachers.items()}
        width = trunk.config.hidden_size
        self.heads, self.statistics = nn.ModuleDict(), nn.ModuleDict()
        for name, (_, _, summary, patches) in teachers.items():
            for part, size in (("summary", summary), ("patches", patches)):
                self.heads[f"{name}_{part}"] = Head(width, 512, size).to(device)
                self.statistics[f"{name}_{part}"] = RunningStatistics(size).to(device)
        self.optimizer = torch.optim.AdamW([*self.trunk.parameters(), *self.heads.parameters()], lr=1e-3)

    def load(self) -> torch.Tensor:
        """Decodes, crops and jitters a batch of frames, one after the other: [B, 3, S, S] in [0, 1]."""
        views = []
        for file in random.sample(self.files, self.batch_size):
            picture = Image.open(file).convert("RGB")
            side = int(min(picture.size) * random.uniform(0.7, 1.0))
            left, top = random.randint(0, picture.width - side), random.randint(0, picture.height - side)
            picture = picture.crop((left, top, left + side, top + side))
            picture = picture.resize((self.image_size, self.image_size), Image.Resampling.BICUBIC)
            views.append(torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255 * random.uniform(0.8, 1.2))
        return torch.stack(views).clamp(0, 1)

    def ask(self, name: str, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """A teacher's summary [B, Cs] and patches [B, N, C]."""
        model, side = self.teachers[name], self.sides[name]
        pixels = functional.interpolate(images, size=(side, side), mode="bicubic", antialias=True)
        needs_positions = "interpolate_pos_encoding" in inspect.signature(model.forward).parameters
        with torch.no_grad():
            output = model((pixels - 0.5) / 0.25, **({"interpolate_pos_encoding": True} if needs_positions else {}))
        states, pooled = output.last_hidden_state, output.pooler_output
        patches = states.flatten(2).transpose(1, 2) if states.ndim == 4 else states[:, -(self.grid**2) :]
        return (pooled.flatten(1) if pooled is not None else states[:, 0]), patches

    def step(self) -> float:
        """One step; returns the loss."""
        images = self.load()
        pixels = ((images - MEAN) / STD).to(self.device)
        images = images.to(self.device)
        targets = {name: self.ask(name, images) for name in self.teachers}
        losses: dict[str, list[torch.Tensor]] = {name: [] for name in self.teachers}
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            output = self.trunk(pixels)
            patches = output.last_hidden_state[:, self.trunk.config.num_prefix_tokens :]
            for name, (summary, tokens) in targets.items():
                wanted = self.statistics[f"{name}_summary"](summary), self.statistics[f"{name}_patches"](tokens)
                predicted = self.heads[f"{name}_summary"](output.pooler_output), self.heads[f"{name}_patches"](patches)
                for frame in range(self.batch_size):
                    losses[name].append(
                        sum(
                            1
                            - functional.cosine_similarity(a[frame].float(), b[frame], dim=-1).mean()
                            + functional.smooth_l1_loss(a[frame].float(), b[frame])
                            for a, b in zip(predicted, wanted, strict=True)
                        )
                    )
        kept = []
        for frame in range(self.batch_size):  # the teacher with the largest loss stays, every other one by chance
            values = {name: losses[name][frame].item() for name in losses}
            largest = max(values, key=values.get)
            kept += [losses[name][frame] for name in losses if name == largest or random.random() < 0.5]
        loss = sum(kept) / len(kept)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_([*self.trunk.parameters(), *self.heads.parameters()], 1.0)
        self.optimizer.step()
        return loss.item()
