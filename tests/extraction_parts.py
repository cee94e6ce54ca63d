# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What the tests of extraction and search share: a tiny encoder, its folder, and an engine that runs stages in a loop."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import transformers

from zen_hf.engines.stage import Stage

VIT = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "image_size": 32,
    "patch_size": 8,
}


class PlainEngine:
    """Every item through every stage, one after the other, in this process."""

    def run(self, items: list[Any], stages: list[Stage]) -> Iterator[Any]:
        """See `Engine`."""
        functions = [stage.build() for stage in stages]

        def through(item: Any, place: int) -> Iterator[Any]:
            if place == len(functions):
                yield item
                return
            for result in functions[place](item):
                yield from through(result, place + 1)

        for item in items:
            yield from through(item, 0)


def write_vit(folder: Path, seed: int = 0) -> Path:
    """A ViT of random weights with its processor."""
    torch.manual_seed(seed)
    transformers.ViTModel(transformers.ViTConfig(**VIT)).save_pretrained(folder)
    transformers.ViTImageProcessorPil(
        image_mean=[0.5] * 3, image_std=[0.5] * 3, size={"height": 32, "width": 32}
    ).save_pretrained(folder)
    return folder
