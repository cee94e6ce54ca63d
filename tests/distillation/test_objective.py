# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Every weight of the objective reaches its term, and only where it is not 0."""

from dataclasses import fields

import pytest
import torch

from zen_hf.distillation.calibration import StandardisationSpec, calibrate
from zen_hf.distillation.objective import LossSpec, teacher_losses
from zen_hf.modeling.modeling_zen_distillation import ZenDistillationOutput

TERMS = [field.name for field in fields(LossSpec)]
NONE = dict.fromkeys(TERMS, 0.0)


@pytest.fixture
def case():
    """Student's output and targets of teachers on very unlike scales, with their calibrations."""
    torch.manual_seed(0)
    targets = {
        "small": (0.03 * torch.randn(64, 8) + 1, 0.03 * torch.randn(64, 9, 12) - 2),
        "large": (5.5 * torch.randn(64, 10), 5.5 * torch.randn(64, 9, 6)),
    }
    output = ZenDistillationOutput(
        last_hidden_state=torch.randn(64, 5 + 9, 16, requires_grad=True),
        summaries={name: torch.zeros_like(summary).requires_grad_() for name, (summary, _) in targets.items()},
        patches={name: torch.zeros_like(patches).requires_grad_() for name, (_, patches) in targets.items()},
    )
    spec = StandardisationSpec(patches="phis", summary="phis", views=64)
    return output, targets, calibrate([targets], spec)


def test_predicting_the_mean_costs_one_for_every_teacher_whatever_its_scale(case):
    losses, logged = teacher_losses(*case, LossSpec())
    assert set(logged) == {
        f"{n}/{t}" for n in ("small", "large") for t in ("summary_angle", "summary_mse", "patch_mse")
    }
    for name in ("small", "large"):
        assert losses[name].shape == (64,)
        assert float(logged[f"{name}/summary_mse"]) == pytest.approx(1, rel=0.01)
        assert float(logged[f"{name}/patch_mse"]) == pytest.approx(1, rel=0.01)
    assert float(logged["small/summary_angle"]) == pytest.approx(1, rel=0.1)  # its mean has a direction


@pytest.mark.parametrize("term", TERMS)
def test_a_weight_scales_its_term_alone_and_gradients_flow(case, term):
    output, targets, calibrations = case
    single, logged = teacher_losses(*case, LossSpec(**(NONE | {term: 1.0})))
    double, _ = teacher_losses(*case, LossSpec(**(NONE | {term: 2.0})))
    assert set(logged) == {f"small/{term}", f"large/{term}"}
    assert torch.allclose(double["small"], 2 * single["small"])
    sum(loss.sum() for loss in single.values()).backward()
    source = output.last_hidden_state if term == "patch_gram" else output.summaries["small"]
    source = output.patches["small"] if term in ("patch_mse", "patch_hybrid") else source
    assert source.grad.isfinite().all()
    assert (source.grad.abs().sum() > 0) or term in (
        "summary_arkd",
        "summary_hybrid",
        "patch_hybrid",
    )  # at zero vectors


def test_the_gram_matrix_is_asked_of_the_trunks_own_tokens(case):
    output, targets, calibrations = case
    wanted = calibrations["large"].patches(targets["large"][1])
    rotation = torch.linalg.qr(torch.randn(6, 6)).Q
    output.last_hidden_state = torch.cat([torch.randn(64, 5, 6), wanted @ rotation], dim=1)
    losses, _ = teacher_losses(
        output, {"large": targets["large"]}, calibrations, LossSpec(**(NONE | {"patch_gram": 1.0}))
    )
    assert losses["large"].max() < 1e-6


def test_no_weight_at_all_is_refused():
    with pytest.raises(ValueError, match="expected weights of at least 0, and one above"):
        LossSpec(**NONE)
    with pytest.raises(ValueError, match="expected weights of at least 0"):
        LossSpec(patch_mse=-1.0)
