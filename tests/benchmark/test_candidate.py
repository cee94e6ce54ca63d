# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Encoders run on the GPU where there is one, and are the same encoder there."""

import pytest
import torch

from zen_hf.benchmark.candidate import load_candidate, random_trunk
from zen_hf.modeling import FrameEncoder
from zen_hf.modeling.configuration_zen import ZenConfig
from zen_hf.modeling.modeling_zen import ZenModel

TINY = {
    "hidden_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "image_size": 32,
    "patch_size": 16,
}


@pytest.fixture
def loads_tiny_encoder(monkeypatch):
    encoder = FrameEncoder(ZenModel(ZenConfig(**TINY)), [0.5] * 3, [0.2] * 3)
    monkeypatch.setattr(FrameEncoder, "from_pretrained", lambda name, revision=None, trust_remote_code=False: encoder)
    return encoder


@pytest.mark.parametrize(("available", "device"), [(True, "cuda"), (False, "cpu")])
def test_both_encoders_go_to_the_gpu_if_there_is_one(loads_tiny_encoder, monkeypatch, available, device):
    went = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    monkeypatch.setattr(FrameEncoder, "to", lambda self, where: went.append((self, where)) or self)
    candidate = load_candidate("tiny")
    random = random_trunk(candidate, seed=0)
    assert went == [(candidate.encoder, device), (random.encoder, device)]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_fingerprint_and_features_do_not_depend_on_the_device(loads_tiny_encoder):
    before, frames = loads_tiny_encoder.fingerprint, torch.rand(2, 3, 32, 32)
    expected = loads_tiny_encoder(frames).summary
    encoder = load_candidate("tiny").encoder
    found = encoder(frames).summary
    assert found.device.type == "cuda" and encoder.fingerprint == before
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-2, atol=1e-2)
    assert random_trunk(load_candidate("tiny"), 0).encoder.mean.device.type == "cuda"
