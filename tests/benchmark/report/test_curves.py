# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Axes hold what they show, and no more."""

import pytest

from zen_hf.benchmark.report.curves import axis


@pytest.mark.parametrize(
    ("low", "high", "ends", "marks"),
    [
        (0.31, 0.98, (0.3, 1.0), 8),
        (0.3, 1.0, (0.3, 1.0), 8),  # no room above a perfect score
        (0.41, 0.52, (0.4, 0.55), 4),
        (0.5, 0.5, (0.5, 0.52), 2),
    ],
)
def test_axis(low, high, ends, marks):
    bottom, top, ticks = axis(low, high)
    assert (bottom, top) == pytest.approx(ends)
    assert len(ticks) == marks and ticks[0] == pytest.approx(bottom) and ticks[-1] == pytest.approx(top)
