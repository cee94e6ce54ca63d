# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Shuffled targets are the same targets, none of them with a frame of its own video."""

import pytest
import torch
from rich.progress import Progress

from zen_hf.data.views import ViewSpec
from zen_hf.distillation.batches import ViewIndex
from zen_hf.distillation.shuffled_targets import shuffle_targets
from zen_hf.distillation.target_cache import TargetCache
from zen_hf.distillation.teachers import Teacher, TeacherSpec

SPEC = ViewSpec(image_size=32, fixed=2)


@pytest.fixture
def teachers(vit_teacher, cnn_teacher):
    sources = {"vit": vit_teacher, "cnn": cnn_teacher}
    return [Teacher(TeacherSpec(name=name, source=str(source))) for name, source in sources.items()]


def filled(folder, frames, teachers):
    cache = TargetCache(folder, frames, SPEC, teachers, (2, 2), seed=0)
    return cache, cache.fill(Progress(disable=True))


def test_targets_of_other_videos_and_nothing_else_changed(tmp_path, frames, teachers):
    cache, _ = filled(tmp_path / "targets", frames, teachers)
    shuffle_targets(cache, tmp_path / "shuffled", seed=0)
    shuffled, computed = filled(tmp_path / "shuffled", frames, teachers)
    assert computed == 0  # a run finds every file
    videos = frames["video_id"]
    for view in range(SPEC.fixed):
        batch = [ViewIndex(row, view) for row in range(len(frames))]
        (views, right), (same_views, wrong) = cache.read(batch), shuffled.read(batch)
        assert torch.equal(views["pixels"], same_views["pixels"])
        for name in right:
            distances = torch.cdist(wrong[name][0].double(), right[name][0].double())
            taken = distances.argmin(1).tolist()
            assert distances.min(1).values.max() < 1e-9 and sorted(taken) == list(range(len(frames)))
            assert all(videos[frame] != videos[other] for frame, other in enumerate(taken))
            # summary and patches are of the same frame
            assert torch.equal(wrong[name][1], right[name][1][taken])


def test_a_video_with_most_of_the_frames_is_refused(tmp_path, frames, teachers):
    cache, _ = filled(tmp_path / "targets", frames.select(range(6)), teachers)  # 4 of video A, 2 of B
    with pytest.raises(ValueError, match="one of 2 videos has 4 of 6 frames"):
        shuffle_targets(cache, tmp_path / "shuffled", seed=0)
    assert not (tmp_path / "shuffled").exists()
