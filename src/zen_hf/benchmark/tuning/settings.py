# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""How a trunk is trained: one set of numbers for every task and encoder, so that no score hides a search."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class TuningSettings:
    """Settings of `train_trunk.tune`.

    Args:
        epochs: passes over the training frames; all of them where there is no validation video, else at most so many.
        batch_size: frames per step.
        max_steps_per_epoch: ends an epoch after so many steps; None for every frame once.
        patience: epochs without a better validation score after which training stops.
        lora_learning_rate: highest rate of the adapters, for "lora" and "dora".
        full_learning_rate: highest rate of the trunk's last block, for "full".
        head_learning_rate: highest rate of the classifier, which starts from nothing.
        layer_decay: factor of the rate from one block to the one before it, for "full" (ELECTRA; BEiT, arXiv:2106.08254).
        weight_decay: of AdamW, on matrices alone.
        warm_up: share of all steps in which the rate rises from zero; it falls along a cosine afterwards.
        clip: highest norm of the gradient.
        rank: of the adapters (LoRA, arXiv:2106.09685).
        alpha: an adapter counts `alpha / rank` times.
        dropout: probability by which an adapter's input is dropped.
        shrink: a training frame is shrunk by up to this share and put anywhere in the square; 0 switches it off.
        brightness: its values are multiplied by up to this share more or less; 0 switches it off.
    """

    epochs: int = 5
    batch_size: int = 16
    max_steps_per_epoch: int | None = None
    patience: int = 2
    lora_learning_rate: float = 1e-3
    full_learning_rate: float = 1e-4
    head_learning_rate: float = 1e-3
    layer_decay: float = 0.7
    weight_decay: float = 0.05
    warm_up: float = 0.1
    clip: float = 1.0
    rank: int = 16
    alpha: int = 16
    dropout: float = 0.0
    shrink: float = 0.15
    brightness: float = 0.2

    def __post_init__(self):
        """Refuse what cannot be meant.

        Raises:
            ValueError: if a number is out of its range.
        """
        whole = {"epochs", "batch_size", "patience", "rank", "alpha"}
        shares = {"warm_up", "dropout", "shrink", "brightness"}
        for field in fields(self):
            name, value = field.name, getattr(self, field.name)
            if name in whole or (name == "max_steps_per_epoch" and value is not None):
                fits, expected = isinstance(value, int) and value >= 1, "a whole number from 1"
            elif name in shares:
                fits, expected = 0 <= value < 1, "from 0 to below 1"
            elif name == "layer_decay":
                fits, expected = 0 < value <= 1, "above 0 and at most 1"
            else:
                fits, expected = value is None or value >= 0, "not negative"
            if not fits:
                raise ValueError(f"tuning setting {name} is {value!r}; expected {expected}.")
