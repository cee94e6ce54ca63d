"""Ridge-FVU: what can be read linearly scores 0, what cannot scores 1, and scikit-learn agrees in between."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge as ReferenceRidge

from zen_hf.distillation.monitors.ridge_fvu import ridge_fvu
from zen_hf.distillation.monitors.tuned_ridge import PENALTIES

VIDEOS = [f"video{number}" for number in range(12) for _ in range(10)]
TEST_VIDEOS = [f"video{number}" for number in range(12, 16) for _ in range(10)]


def trunk(frames: int, patches: int, seed: int) -> torch.Tensor:
    """Patch tokens [F, N, 8]."""
    return torch.randn(frames, patches, 8, generator=torch.Generator().manual_seed(seed))


def teacher(features: torch.Tensor, noise: float, seed: int) -> torch.Tensor:
    """Targets [F, N, 5] that are a linear function of the features, a layout of positions, and noise."""
    mixing = torch.randn(8, 5, generator=torch.Generator().manual_seed(7))
    layout = 4 * torch.randn(features.shape[1], 5, generator=torch.Generator().manual_seed(8))
    disturbance = torch.randn(*features.shape[:2], 5, generator=torch.Generator().manual_seed(seed))
    return features @ mixing + layout + noise * disturbance


def test_a_linear_function_is_read_and_scale_does_not_matter():
    features, unseen = trunk(120, 1, seed=0), trunk(40, 1, seed=1)
    targets, wanted = teacher(features, 0.0, seed=2), teacher(unseen, 0.0, seed=3)
    reading = ridge_fvu(features, targets, VIDEOS, unseen, wanted, TEST_VIDEOS)
    assert reading.fvu < 1e-6 and reading.penalty == PENALTIES[0]
    small = ridge_fvu(100 * features + 3, 0.03 * targets, VIDEOS, 100 * unseen + 3, 0.03 * wanted, TEST_VIDEOS)
    assert small.fvu < 1e-6


def test_equals_scikit_learn():
    features, unseen = trunk(120, 4, seed=0), trunk(40, 4, seed=1)
    targets, wanted = teacher(features, 2.0, seed=2), teacher(unseen, 2.0, seed=3)
    reading = ridge_fvu(features, targets, VIDEOS, unseen, wanted, TEST_VIDEOS)

    x, y = features.flatten(0, 1).double().numpy(), targets.flatten(0, 1).double().numpy()
    mean, std = x.mean(0), x.std(0, ddof=1)
    reference = ReferenceRidge(alpha=len(x) * reading.penalty).fit((x - mean) / std, y)
    predicted = reference.predict((unseen.flatten(0, 1).double().numpy() - mean) / std)
    error = np.square(predicted - wanted.flatten(0, 1).numpy()).sum()
    assert reading.fvu == pytest.approx(error / np.square(wanted.flatten(0, 1).numpy() - y.mean(0)).sum(), rel=1e-4)
    positions = targets.double().mean(0).numpy()
    assert reading.fvu_pos == pytest.approx(error / np.square(wanted.numpy() - positions).sum(), rel=1e-4)
    assert reading.fvu < reading.fvu_pos


@pytest.mark.parametrize("control", ["shuffled targets", "unrelated features"])
def test_controls_explain_nothing(control):
    readings = []
    for seed in range(0, 400, 10):  # one small draw may correlate by chance, forty do not
        features, unseen = trunk(120, 1, seed), trunk(40, 1, seed + 1)
        targets, wanted = teacher(features, 0.1, seed + 2)[:, 0], teacher(unseen, 0.1, seed + 3)[:, 0]
        if control == "shuffled targets":
            targets = targets[torch.randperm(120, generator=torch.Generator().manual_seed(seed))]
        else:
            features, unseen = trunk(120, 1, seed + 4), trunk(40, 1, seed + 5)
        readings.append(ridge_fvu(features[:, 0], targets, VIDEOS, unseen[:, 0], wanted, TEST_VIDEOS))
    assert 0.99 < np.mean([reading.fvu for reading in readings]) < 1.03
    assert min(reading.penalty for reading in readings) >= 0.1  # a chosen penalty shrinks what does not carry over
    assert np.median([reading.penalty for reading in readings]) >= 10
    assert {reading.fvu_pos for reading in readings} == {None}  # summaries have no positions


def test_half_precision_features_are_read_as_well():
    features, unseen = trunk(120, 1, seed=0)[:, 0], trunk(40, 1, seed=1)[:, 0]
    targets, wanted = teacher(features[:, None], 0.5, seed=2)[:, 0], teacher(unseen[:, None], 0.5, seed=3)[:, 0]
    full = ridge_fvu(features, targets, VIDEOS, unseen, wanted, TEST_VIDEOS)
    half = ridge_fvu(features.half(), targets.half(), VIDEOS, unseen.half(), wanted.half(), TEST_VIDEOS)
    assert half.fvu == pytest.approx(full.fvu, abs=1e-3)


def test_a_test_video_among_the_training_videos_is_refused():
    features, targets = trunk(120, 1, seed=0), teacher(trunk(120, 1, seed=0), 0.0, seed=2)
    with pytest.raises(ValueError, match="videos are in training and test"):
        ridge_fvu(features, targets, VIDEOS, features[:40], targets[:40], VIDEOS[:40])
    with pytest.raises(ValueError, match="differ beyond the number of frames"):
        ridge_fvu(features, targets, VIDEOS, features[:40, :, :4], targets[:40], TEST_VIDEOS)
    with pytest.raises(ValueError, match="videos name the video of 119 frames; expected 120"):
        ridge_fvu(features, targets, VIDEOS[1:], features[:40], targets[:40], TEST_VIDEOS)
