# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Fidelity over resolutions: an alarm for mode switching.

A student whose teachers each supervise another resolution learns to imitate one teacher per resolution ("mode switch",
RADIOv2.5, arXiv 2412.07679): at its own resolution a teacher is well predicted, at another worse than by the mean.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ResolutionFidelity:
    """How evenly one teacher is predicted over resolutions.

    Attributes:
        best: Resolution in pixels with the smallest FVU.
        ratios: Resolution to its FVU over the smallest, at least 1, in ascending order of resolution.
        alarms: Resolutions whose ratio is above the threshold, ascending; empty when all is well.
    """

    best: int
    ratios: dict[int, float]
    alarms: tuple[int, ...]


def resolution_fidelity(fvus: Mapping[int, float], alarm_above: float = 1.5) -> ResolutionFidelity:
    """Compares a teacher's FVU over resolutions and names those where the student switches mode.

    `ratio(r) = FVU(r) / min_r' FVU(r')`, the best fidelity 1 / FVU over the one at r. All FVUs are of one teacher and
    one kind of token. RADIOv2.5 (arXiv 2412.07679) names the failure; the threshold is ours.

    Args:
        fvus: Resolution in pixels to the teacher's FVU there, each more than 0.
        alarm_above: Ratio above which a resolution is an alarm, at least 1.

    Returns:
        Best resolution, ratios and alarms.

    Raises:
        ValueError: If there is no resolution, an FVU is not finite and positive, or the threshold is below 1.
    """
    if not fvus:
        raise ValueError(
            "no resolution was measured; expected the FVU of at least one. Encode the held-out frames first."
        )
    for resolution, value in fvus.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(
                f"FVU at {resolution} px is {value}; expected a finite number above 0. Check that predictions and "
                "targets are not one tensor, and that the student has not diverged."
            )
    if not alarm_above >= 1:
        raise ValueError(
            f"alarm_above is {alarm_above}; expected at least 1, the ratio of the best resolution itself."
        )
    best = min(sorted(fvus), key=fvus.__getitem__)
    ratios = {resolution: fvus[resolution] / fvus[best] for resolution in sorted(fvus)}
    return ResolutionFidelity(best, ratios, tuple(r for r, ratio in ratios.items() if ratio > alarm_above))
