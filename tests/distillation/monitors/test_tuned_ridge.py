"""The penalty is chosen by other videos than those it is fitted on."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge as ReferenceRidge

from zen_hf.distillation.monitors.tuned_ridge import PENALTIES, fit_tuned_ridge, tuning_frames


def test_every_third_video_is_held_out_whole():
    videos = ["a", "a", "b", "c", "b", "d", "e", "a", "f"]
    assert tuning_frames(videos).tolist() == [False, False, True, False, True, False, True, False, False]
    assert tuning_frames([7, 8]).tolist() == [False, True]
    with pytest.raises(ValueError, match="all 3 training frames are of video 'a'; expected at least 2 videos"):
        tuning_frames(["a", "a", "a"])


@pytest.mark.parametrize(("noise", "expected_small"), [(0.01, True), (30.0, False)])
def test_penalty_is_the_one_that_scikit_learn_would_choose(noise, expected_small):
    random = np.random.default_rng(1)
    features = random.normal(size=(90, 25)).astype(np.float32)
    targets = (features @ random.normal(size=(25, 3)) + noise * random.normal(size=(90, 3))).astype(np.float32)
    videos = np.repeat(np.arange(9), 10)
    held_out = np.isin(videos, [1, 4, 7])

    def held_out_error(penalty: float) -> float:
        mean, std = features[~held_out].mean(0), features[~held_out].std(0, ddof=1)
        reference = ReferenceRidge(alpha=60 * penalty).fit((features[~held_out] - mean) / std, targets[~held_out])
        return np.square(reference.predict((features[held_out] - mean) / std) - targets[held_out]).sum()

    tuned = fit_tuned_ridge(torch.from_numpy(features), torch.from_numpy(targets), torch.from_numpy(videos))
    assert tuned.penalty == min(PENALTIES, key=held_out_error)
    assert (tuned.penalty <= 1e-3) == expected_small
