"""FVU against hand-worked cases, scikit-learn, and what a baseline must score."""

import numpy as np
import pytest
import torch
from sklearn.metrics import r2_score

from zen_hf.distillation.monitors.fvu import feature_mean, fvu, fvu_pos, position_means


def frames_with_a_layout(frames: int, seed: int) -> torch.Tensor:
    """Patch tokens [F, 6, 4] that differ more between positions than between frames."""
    layout = 3 * torch.randn(6, 4, generator=torch.Generator().manual_seed(99))
    return layout + torch.randn(frames, 6, 4, generator=torch.Generator().manual_seed(seed)) + 10


def test_hand_worked():
    targets = torch.tensor([[1.0, 0.0], [3.0, 4.0]])
    predictions = torch.tensor([[1.0, 1.0], [3.0, 2.0]])
    # errors 1 + 4; around the mean (2, 2): 1 + 4 + 1 + 4
    assert fvu(predictions, targets, torch.tensor([2.0, 2.0])) == pytest.approx(5 / 10)
    assert fvu(targets, targets, torch.tensor([2.0, 2.0])) == 0


def test_hand_worked_per_position():
    targets = torch.tensor([[[0.0], [10.0]], [[2.0], [14.0]]])  # two frames, two positions
    predictions = torch.tensor([[[1.0], [10.0]], [[2.0], [13.0]]])
    means = position_means(targets)
    assert means.tolist() == [[1.0], [12.0]]
    assert fvu_pos(predictions, targets, means) == pytest.approx(2 / (1 + 1 + 4 + 4))
    # around the mean 6.5: 42.25 + 12.25 + 20.25 + 56.25
    assert fvu(predictions, targets, feature_mean(targets)) == pytest.approx(2 / 131)


def test_is_one_minus_r2_where_the_baseline_is_the_targets_own_mean():
    random = np.random.default_rng(0)
    targets = random.normal(size=(200, 5)) * np.array([0.03, 1, 5, 20, 1])
    predictions = targets + random.normal(size=(200, 5))
    ours = fvu(torch.from_numpy(predictions), torch.from_numpy(targets), feature_mean(torch.from_numpy(targets)))
    weighted = r2_score(targets, predictions, multioutput="variance_weighted")
    assert ours == pytest.approx(1 - weighted, rel=1e-10)


def test_knowing_the_position_alone_is_no_fidelity():
    train, test = frames_with_a_layout(300, seed=0), frames_with_a_layout(100, seed=1)
    means = position_means(train)
    predictions = means.expand(100, 6, 4)
    assert fvu_pos(predictions, test, means) == 1.0
    assert fvu(predictions, test, feature_mean(train)) < 0.5


def test_the_global_mean_is_one_and_shuffled_targets_are_more():
    train, test = frames_with_a_layout(300, seed=0), frames_with_a_layout(100, seed=1)
    mean = feature_mean(train)
    assert fvu(mean.expand(100, 6, 4), test, mean) == 1.0
    assert fvu(test.roll(1, dims=0), test, position_means(train).mean(0)) < 1  # the layout is still right
    assert fvu_pos(test.roll(1, dims=0), test, position_means(train)) > 1.5  # 2 in expectation
    assert fvu(test.flatten(0, 1)[torch.randperm(600)], test.flatten(0, 1), mean) > 1.5


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_scale_and_precision_do_not_matter(dtype):
    targets = frames_with_a_layout(70, seed=0).to(dtype)  # more than one block of frames
    predictions = (targets.double() + 0.1 * torch.randn(70, 6, 4)).to(dtype)
    exact = fvu_pos(predictions.double(), targets.double(), position_means(targets.double()))
    assert fvu_pos(predictions, targets, position_means(targets)) == pytest.approx(exact, rel=1e-6)
    scaled = fvu_pos(predictions * 2**-5, targets * 2**-5, position_means(targets * 2**-5))
    assert scaled == pytest.approx(exact, rel=1e-6)


def test_bad_inputs_are_named():
    targets = frames_with_a_layout(4, seed=0)
    with pytest.raises(ValueError, match=r"predictions have shape \[4, 3, 4\], targets \[4, 6, 4\]"):
        fvu(targets[:, :3], targets, feature_mean(targets))
    with pytest.raises(ValueError, match=r"mean has shape \[6, 4\].*shape \[4\].*feature_mean"):
        fvu(targets, targets, position_means(targets))
    with pytest.raises(ValueError, match=r"means have shape \[4\].*position_means"):
        fvu_pos(targets, targets, feature_mean(targets))
    with pytest.raises(ValueError, match="A summary has no positions"):
        position_means(targets[:, 0])
    with pytest.raises(ValueError, match="squared distance to their baseline is 0.0"):
        fvu(targets[:1, 0], targets[:1, 0], targets[0, 0])
    with pytest.raises(ValueError, match="predictions hold 1 of 96 values that are not finite"):
        broken = targets.clone()
        broken[2, 1, 0] = torch.nan
        fvu(broken, targets, feature_mean(targets))
