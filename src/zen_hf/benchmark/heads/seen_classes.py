# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which classes a head can learn from its training frames, and what it says of the others."""

from dataclasses import dataclass

import numpy as np

from ..task import Target

NEVER = 100.0  # below the largest logit of the frame: its softmax is 0 in float32, and it is finite


@dataclass(frozen=True)
class SeenClasses:
    """The classes that training frames tell apart.

    Args:
        target: what is predicted.
        seen: whether a class has a positive (multi-label: and a negative) training frame, [classes].
        constant: multi-label: log-odds of the share of positive training frames, [classes].
    """

    target: Target
    seen: np.ndarray
    constant: np.ndarray

    @classmethod
    def of(cls, target: Target, labels: np.ndarray) -> "SeenClasses":
        """Look at training labels: 0/1 [frames, classes], or class indices [frames] of a single-label target.

        Raises:
            ValueError: if there is no frame.
        """
        if not len(labels):
            raise ValueError(f"{target.name}: no training frame to learn from; expected at least one.")
        if target.kind == "multi_label":
            prevalence = labels.mean(axis=0, dtype=np.float64)
        else:
            prevalence = np.bincount(labels, minlength=len(target.labels)) / len(labels)
        seen = prevalence > 0 if target.kind == "single_label" else (prevalence > 0) & (prevalence < 1)
        clipped = np.clip(prevalence, 1e-6, 1 - 1e-6)
        return cls(target, seen, np.log(clipped / (1 - clipped)))

    @property
    def untrained(self) -> list[str]:
        """Names of the others, for the report."""
        return [name for name, seen in zip(self.target.labels, self.seen, strict=True) if not seen]

    def complete(self, logits: np.ndarray) -> np.ndarray:
        """Overwrite the logits of the other classes: never the largest (single-label), a constant (multi-label).

        Args:
            logits: [frames, classes].

        Returns:
            The same array as float32.
        """
        logits = logits.astype(np.float32, copy=False)
        if self.target.kind == "multi_label":
            logits[:, ~self.seen] = self.constant[~self.seen]
        else:
            logits[:, ~self.seen] = logits[:, self.seen].max(axis=1, keepdims=True) - NEVER
        return logits
