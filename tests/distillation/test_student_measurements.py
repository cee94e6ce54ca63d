# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Measurements of a student, on features and heads whose quality is known."""

import pytest
import torch
from torch.nn import functional as F

from zen_hf.distillation.skills import SKILLS, load_labelled, render_labelled, save_labelled
from zen_hf.distillation.student_measurements import ProbeFrames, encode_both, head_measurements, trunk_measurements
from zen_hf.modeling import ZenConfig
from zen_hf.modeling.frame_encoder import FrameFeatures
from zen_hf.modeling.modeling_zen_distillation import ZenForDistillation


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    folder = tmp_path_factory.mktemp("frames")
    for name, first, videos in (("known", 0, 4), ("unseen", 4, 2)):
        save_labelled(render_labelled(first, videos, 5, 32, 4, seed=0), folder / f"{name}.safetensors")
    known, unseen = (load_labelled(folder / f"{name}.safetensors") for name in ("known", "unseen"))
    return ProbeFrames(known, unseen, frames_per_video=5)


def pixels(images):
    patches = F.pixel_unshuffle(images, 8).flatten(2).transpose(1, 2)
    return FrameFeatures(summary=patches.mean(1), patches=patches, grid=(4, 4))


def test_frames_are_of_distinct_videos_and_come_back_as_they_were(frames):
    assert [numbers.tolist() for numbers in frames.videos] == [
        [v for v in range(4) for _ in range(5)],
        [4] * 5 + [5] * 5,
    ]
    again = render_labelled(4, 2, 5, 32, 4, seed=0)
    assert torch.equal(frames.unseen.pixels, again.pixels)
    for skill in SKILLS:
        assert torch.equal(frames.unseen.targets[skill.name].nan_to_num(7), again.targets[skill.name].nan_to_num(7))


def test_a_linear_map_of_a_teacher_leaves_nothing_of_it_unexplained(frames):
    torch.manual_seed(0)
    matrix = torch.randn(192, 6)
    teacher = encode_both(
        lambda images: FrameFeatures(pixels(images).summary, pixels(images).patches @ matrix, (4, 4)), frames
    )
    noise = tuple(FrameFeatures(part.summary, torch.randn_like(part.patches), part.grid) for part in teacher)
    twice = tuple(FrameFeatures(part.summary, 2 * part.patches - 1, part.grid) for part in teacher)
    measured = trunk_measurements(twice, {"linear": teacher, "noise": noise}, frames)
    assert measured["ridge_fvu"]["linear"] < 1e-3
    assert measured["ridge_fvu"]["noise"] > 0.9
    assert set(measured["scores"]) == {skill.name for skill in SKILLS}


def test_heads_are_compared_with_their_teacher_at_a_size(frames):
    torch.manual_seed(0)
    sizes = {
        "patch_size": 8,
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
    }
    adaptor = {"name": "t", "summary_size": 5, "patch_size": 6, "hidden_size": 8}
    student = ZenForDistillation(ZenConfig.from_variant("tiny", **sizes, adaptors=[adaptor])).eval()
    mean, std = (
        torch.tensor(value).view(1, 3, 1, 1) for value in (student.config.image_mean, student.config.image_deviation)
    )

    @torch.no_grad()
    def heads(images, offset=0.0):
        images = F.interpolate(images, size=(16, 16), mode="bicubic", antialias=True).clamp(0, 1)
        output = student((images - mean) / std)
        return FrameFeatures(output.summaries["t"], output.patches["t"] + offset, (2, 2))

    own = head_measurements(student, {"t": encode_both(heads, frames)}, frames, size=16)
    assert own["head_fvu"]["t"] < 1e-8 and own["head_fvu_pos"]["t"] < 1e-8
    shifted = encode_both(lambda images: heads(images, offset=100.0), frames)
    assert head_measurements(student, {"t": shifted}, frames, size=16)["head_fvu"]["t"] > 1
