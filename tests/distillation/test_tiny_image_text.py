# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The tiny image-text teacher: its loss against a loop, and a folder that transformers loads by itself."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F
from transformers import AutoModel, pipeline

from zen_hf.data.synthetic_surgery import SyntheticSurgery
from zen_hf.distillation.tiny_image_text import contrastive_loss, train_tiny_image_text


def test_loss_is_the_mean_cross_entropy_over_all_positives():
    torch.manual_seed(0)
    images, texts = torch.randn(4, 6), torch.randn(5, 6)
    positives = torch.rand(5, 4) < 0.4
    positives[range(4), range(4)] = True
    positives[4, 0] = True
    cosines = F.cosine_similarity(texts[:, None], images[None], dim=-1).double() * 7.0
    rows = [-cosines[row].log_softmax(0)[positives[row]].mean() for row in range(5)]
    columns = [-cosines[:, column].log_softmax(0)[positives[:, column]].mean() for column in range(4)]
    expected = (torch.stack(rows).mean() + torch.stack(columns).mean()) / 2
    found = contrastive_loss(images, texts, torch.tensor(7.0), positives)
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)


def test_trained_saved_and_loaded(tmp_path):
    surgery = SyntheticSurgery(seed=0, size=32, frames_per_video=4)
    scenes = [surgery.video(video)[frame] for video in range(8) for frame in range(4)]
    pixels = torch.from_numpy(np.stack([scene.image for scene in scenes])).permute(0, 3, 1, 2)
    losses = train_tiny_image_text(pixels, scenes, 6, tmp_path / "text", batch_size=8)
    assert type(AutoModel.from_pretrained(tmp_path / "text")).__name__ == "CLIPModel"
    classify = pipeline("zero-shot-image-classification", model=str(tmp_path / "text"))
    image = tmp_path / "frame.png"
    Image.fromarray(scenes[0].image).save(image)
    found = classify(str(image), candidate_labels=["hook", "grasper"], hypothesis_template="a {} is in view")
    assert sum(answer["score"] for answer in found) == pytest.approx(1)
    again = train_tiny_image_text(pixels, scenes, 6, tmp_path / "again", batch_size=8)
    assert again == losses  # nothing is drawn but from the seed
