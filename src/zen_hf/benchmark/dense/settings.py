# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""How dense heads are built and trained: one set of numbers for every task and encoder, so that no score hides a search."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class DenseSettings:
    """Settings of dense heads, on a frozen trunk or with one that trains.

    `TuningSettings` then holds the trunk's, of which `tuned_trunk.settings_used` counts: steps, batches, warm-up, clipping and
    the head's rate are those here.

    Args:
        steps: of every training, whatever the number of frames.
        batch_size: frames per step.
        linear_learning_rate: highest rate of the linear head.
        learning_rate: highest rate of the DPT and UperNet heads.
        query_learning_rate: highest rate of the Mask2Former head.
        weight_decay: of AdamW, on matrices alone.
        warm_up: share of all steps in which the rate rises from zero; it falls along a cosine afterwards.
        clip: highest norm of the gradient.
        checkpoints: times at which validation videos are scored, evenly over the steps.
        validation_frames: of all validation videos together, evenly over each; the others do not choose.
        width: channels inside the DPT, UperNet and Mask2Former heads.
        queries: of the Mask2Former head: no frame gets more instances.
        encoder_layers: of the Mask2Former head's pixel decoder.
        decoder_layers: of its query decoder.
        points: at which its loss compares masks.
        memory: patches that the nearest-neighbour vote remembers.
        cache_bytes: room on the disk for the maps of one frozen trunk, one choice of its layers and one task: every encoder
            (the control with random weights too), image size and task has as much again, and nothing is deleted. Frames
            beyond are encoded again whenever asked for.
    """

    steps: int = 1000
    batch_size: int = 8
    linear_learning_rate: float = 1e-2
    learning_rate: float = 1e-3
    query_learning_rate: float = 3e-4
    weight_decay: float = 0.01
    warm_up: float = 0.05
    clip: float = 1.0
    checkpoints: int = 4
    validation_frames: int = 200
    width: int = 64
    queries: int = 30
    encoder_layers: int = 3
    decoder_layers: int = 3
    points: int = 4096
    memory: int = 2**15
    cache_bytes: int = 12 * 2**30

    def __post_init__(self):
        """Refuse what cannot be meant.

        Raises:
            ValueError: if a number is out of its range.
        """
        whole = {"steps", "batch_size", "checkpoints", "validation_frames", "width", "queries", "memory"}
        whole |= {"encoder_layers", "decoder_layers", "points"}
        for field in fields(self):
            name, value = field.name, getattr(self, field.name)
            if name in whole:
                fits, expected = isinstance(value, int) and value >= 1, "a whole number from 1"
            elif name == "warm_up":
                fits, expected = 0 <= value < 1, "from 0 to below 1"
            else:
                fits, expected = value >= 0, "not negative"
            if not fits:
                raise ValueError(f"dense setting {name} is {value!r}; expected {expected}.")
        if self.width % 32:
            raise ValueError(
                f"dense setting width is {self.width}; expected a multiple of 32, for the groups of norms."
            )
