# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The averaged student against the recursion by hand."""

import pytest
import torch

from zen_hf.distillation.averaged_student import averaged_student
from zen_hf.modeling.configuration_zen import ZenConfig
from zen_hf.modeling.modeling_zen_distillation import ZenForDistillation


def test_the_average_follows_the_recursion():
    torch.manual_seed(0)
    config = ZenConfig(
        hidden_size=24,
        intermediate_size=48,
        num_hidden_layers=1,
        num_attention_heads=2,
        adaptors=[{"name": "t", "hidden_size": 8, "summary_size": 4, "patch_size": 4}],
    )
    student = ZenForDistillation(config)
    average = averaged_student(student, decay=0.5)
    weight = student.model.layers[0].mlp.up_proj.weight
    averaged = average.module.model.layers[0].mlp.up_proj.weight
    expected = None
    for updates in range(20):
        with torch.no_grad():
            weight.add_(torch.randn_like(weight))
        average.update_parameters(student)
        if expected is None:  # the first update copies
            expected = weight.detach().double().clone()
        else:
            decay = min(0.5, (1 + updates) / (10 + updates))
            expected = decay * expected + (1 - decay) * weight.detach().double()
    assert torch.allclose(averaged.double(), expected, atol=1e-5)
    assert not torch.allclose(averaged, weight, atol=0.1)
    assert not average.training and float(average.n_averaged) == pytest.approx(20)
