# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Label probes against scikit-learn's neighbours, ridge and average precision."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.metrics import accuracy_score, average_precision_score
from sklearn.neighbors import KNeighborsClassifier
from torch.nn import functional as F

from zen_hf.distillation.monitors.label_probes import label_score, linear_probe_score, nearest_neighbour_score
from zen_hf.distillation.monitors.tuned_ridge import fit_tuned_ridge

VIDEOS = [f"video{number}" for number in range(6) for _ in range(12)]
TEST_VIDEOS = [f"video{number}" for number in range(6, 9) for _ in range(12)]


def clusters(frames: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Features [F, 8] around the centres of three classes that overlap, and the classes [F]."""
    random = torch.Generator().manual_seed(seed)
    centres = torch.randn(3, 8, generator=torch.Generator().manual_seed(99))
    classes = torch.randint(3, (frames,), generator=random)
    return centres[classes] + 1.2 * torch.randn(frames, 8, generator=random), classes


@pytest.fixture
def single():
    features, classes = clusters(72, 0)
    unseen, wanted = clusters(36, 1)
    one_hot = F.one_hot(classes).float()
    return (features, one_hot, VIDEOS, unseen, F.one_hot(wanted).float(), TEST_VIDEOS), classes, wanted


def test_nearest_neighbours_equal_scikit_learn(single):
    sides, classes, wanted = single
    reference = KNeighborsClassifier(
        n_neighbors=20, metric="cosine", weights=lambda distance: np.exp((1 - distance) / 0.07)
    ).fit(sides[0].numpy(), classes.numpy())
    expected = accuracy_score(wanted.numpy(), reference.predict(sides[3].numpy()))
    assert 0.4 < expected < 1
    assert nearest_neighbour_score(*sides, single=True) == pytest.approx(expected)  # videos of equal length


def test_the_linear_probe_equals_scikit_learn(single):
    sides, _, wanted = single
    x, unseen = sides[0].double().numpy(), sides[3].double().numpy()
    mean, std = x.mean(0), x.std(0, ddof=1)
    penalty = fit_tuned_ridge(sides[0], sides[1], VIDEOS).penalty
    reference = Ridge(alpha=len(x) * penalty).fit((x - mean) / std, sides[1].numpy())
    expected = accuracy_score(wanted.numpy(), reference.predict((unseen - mean) / std).argmax(1))
    assert linear_probe_score(*sides, single=True) == pytest.approx(expected)


def test_several_labels_are_scored_by_average_precision_over_the_classes_shown():
    predictions = torch.rand(30, 4, generator=torch.Generator().manual_seed(0))
    labels = (torch.rand(30, 4, generator=torch.Generator().manual_seed(1)) < 0.3).float()
    labels[:, 2] = 0
    expected = np.mean([average_precision_score(labels[:, c], predictions[:, c]) for c in (0, 1, 3)])
    assert label_score(predictions, labels, ["a"] * 30, single=False) == pytest.approx(expected)
    with pytest.raises(ValueError, match="none of 30 test frames shows any of 4 classes"):
        label_score(predictions, torch.zeros(30, 4), ["a"] * 30, single=False)


def test_a_long_video_weighs_no_more_than_a_short_one():
    right, wrong = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    predictions = torch.cat([right.expand(9, 2), wrong])
    labels = torch.tensor([[1.0, 0.0]]).expand(10, 2)
    assert label_score(predictions, labels, ["long"] * 9 + ["short"], single=True) == 0.5


def test_a_video_in_both_parts_is_an_error(single):
    sides, *_ = single
    for probe in (nearest_neighbour_score, linear_probe_score):
        with pytest.raises(ValueError, match="1 videos are in training and test"):
            probe(*sides[:5], ["video0"] * 36, single=True)
