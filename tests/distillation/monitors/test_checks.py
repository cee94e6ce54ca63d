"""Bad inputs are named with their value and the remedy."""

import pytest
import torch

from zen_hf.distillation.monitors.checks import (
    require_features,
    require_paired,
    require_unseen_videos,
    video_names,
)


def test_values_that_are_not_finite_are_counted():
    features = torch.zeros(4, 5)
    features[1, 2], features[3, 0] = torch.nan, torch.inf
    with pytest.raises(ValueError, match="teacher features hold 2 of 20 values that are not finite"):
        require_features("teacher features", features)


@pytest.mark.parametrize("shape", [(5,), (0, 5), (2, 3, 4, 5)])
def test_shapes_that_are_no_features_are_refused(shape):
    with pytest.raises(ValueError, match=r"have shape .*expected summaries \[F, C\] or patch tokens"):
        require_features("features", torch.zeros(shape))


def test_other_patch_grids_are_refused():
    with pytest.raises(ValueError, match=r"student \[2, 9, 4\] and teacher \[2, 16, 8\] are not paired.*grid"):
        require_paired("student", torch.zeros(2, 9, 4), "teacher", torch.zeros(2, 16, 8))


def test_a_tensor_of_videos_is_as_good_as_a_list():
    assert video_names("videos", torch.tensor([3, 3, 5]), 3) == [3, 3, 5]
    with pytest.raises(ValueError, match="videos name the video of 2 frames; expected 3"):
        video_names("videos", ["a", "b"], 3)


def test_a_video_in_both_sets_is_refused():
    require_unseen_videos(["a", "b"], ["c"])
    with pytest.raises(ValueError, match="1 videos are in training and test .*'b'.*Split by video"):
        require_unseen_videos(["a", "b"], ["b", "c"])
    with pytest.raises(ValueError, match="'5'"):
        require_unseen_videos(torch.tensor([4, 5]), torch.tensor([5, 6]))
