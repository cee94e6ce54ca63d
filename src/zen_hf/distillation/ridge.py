# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Ridge regression that gives the solution for any penalty after one decomposition."""

import torch


class Ridge:
    """Ridge regression on standardised features, solved in float64 for any penalty from one decomposition.

    Args:
        features: Rows [M, C].
        targets: Answers [M, outputs].
    """

    def __init__(self, features: torch.Tensor, targets: torch.Tensor):
        self.mean, std = features.mean(0), features.std(0)
        self.scale = 1 / std.clamp(min=1e-6 * float(std.max()) + 1e-12)
        self.offset = targets.mean(0)
        rows = ((features - self.mean) * self.scale).double()
        if rows.shape[0] < rows.shape[1]:  # the same solution lies in the span of the rows, which is smaller
            singular, directions = torch.linalg.svd(rows, full_matrices=False)[1:]
            self.spectrum, self.vectors = singular.square() / len(rows), directions.T  # [M], [C, M]
        else:
            self.spectrum, self.vectors = torch.linalg.eigh(rows.T @ rows / len(rows))
        self.rotated = self.vectors.T @ (rows.T @ (targets - self.offset).double()) / len(rows)

    def predict(self, features: torch.Tensor, penalty: float) -> torch.Tensor:
        """Predictions [..., outputs] for features [..., C]."""
        weights = self.vectors @ (self.rotated / (self.spectrum.clamp(min=0) + penalty)[:, None])
        return ((features - self.mean) * self.scale) @ weights.float() + self.offset
