# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Every weight of the objective reaches its term, and only where it is not 0."""

import pytest
import torch

from zen_hf.distillation.calibration import StandardisationSpec, calibrate
from zen_hf.distillation.objective import FrameGeometry, LossSpec, teacher_losses
from zen_hf.modeling.modeling_zen_distillation import ZenDistillationOutput

TERMS = list(LossSpec().weights)
GEOMETRY = FrameGeometry(grid=(3, 3), clip_frames=2)
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
        pooler_output=torch.zeros(64, 16),
        summaries={name: torch.zeros_like(summary).requires_grad_() for name, (summary, _) in targets.items()},
        patches={name: torch.zeros_like(patches).requires_grad_() for name, (_, patches) in targets.items()},
    )
    spec = StandardisationSpec(patches="phis", summary="phis", views=64)
    return output, targets, calibrate([(targets, None, 64)], spec, list(targets), clip_frames=2)


def test_predicting_the_mean_costs_one_for_every_teacher_whatever_its_scale(case):
    losses, logged = teacher_losses(*case, LossSpec(), GEOMETRY)
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
    single, logged = teacher_losses(*case, LossSpec(**(NONE | {term: 1.0})), GEOMETRY)
    double, _ = teacher_losses(*case, LossSpec(**(NONE | {term: 2.0})), GEOMETRY)
    assert set(logged) == {f"small/{term}", f"large/{term}"}
    assert torch.allclose(double["small"], 2 * single["small"])
    sum(loss.sum() for loss in single.values()).backward()
    source = output.last_hidden_state if term == "patch_gram" else output.summaries["small"]
    source = output.patches["small"] if term in ("patch_mse", "patch_hybrid", "patch_change") else source
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
        output, {"large": targets["large"]}, calibrations, LossSpec(**(NONE | {"patch_gram": 1.0})), GEOMETRY
    )
    assert losses["large"].max() < 1e-6


def test_a_student_that_never_changes_costs_one_for_every_teacher(case):
    _, logged = teacher_losses(*case, LossSpec(summary_change=1.0, patch_change=1.0), GEOMETRY)
    for name in ("small", "large"):
        assert float(logged[f"{name}/summary_change"]) == pytest.approx(1, rel=0.01)
        assert float(logged[f"{name}/patch_change"]) == pytest.approx(1, rel=0.01)


@pytest.mark.parametrize("term", ["patch_mse", "patch_hybrid", "patch_gram"])
def test_border_tokens_do_not_count(case, term):
    output, targets, calibrations = case
    weights = torch.ones(64, 9)
    weights[:, :4] = 0
    geometry = FrameGeometry(grid=(3, 3), token_weights=weights)
    spec = LossSpec(**(NONE | {term: 1.0}))
    before = teacher_losses(*case, spec, geometry)[0]["large"]
    summary, patches = targets["large"]
    patches = patches.clone()
    patches[:, :4] = 100.0
    after = teacher_losses(output, {"large": (summary, patches)}, calibrations, spec, geometry)[0]["large"]
    assert torch.equal(before, after)
    without = FrameGeometry(grid=(3, 3))
    assert not torch.allclose(
        teacher_losses(output, {"large": (summary, patches)}, calibrations, spec, without)[0]["large"], after
    )


def test_crops_are_compared_where_they_overlap(case):
    output, targets, calibrations = case
    summary, patches = targets["large"]
    wanted = calibrations["large"].patches(patches).unflatten(1, (3, 3))
    seen = torch.full((64, 3, 3, 6), 7.0)
    seen[:, 1:, :2] = wanted[:, :2, 1:]  # the teacher's crop lies one patch lower and one to the left
    output.patches["large"] = seen.flatten(1, 2)
    spec = LossSpec(**(NONE | {"patch_mse": 1.0}))
    geometry = FrameGeometry(grid=(3, 3), offsets={"large": (1, -1)})
    assert (
        teacher_losses(output, {"large": (summary, patches)}, calibrations, spec, geometry)[0]["large"].max() < 1e-10
    )


def test_the_loss_of_a_clip_is_that_of_all_its_frames(case):
    output, targets, calibrations = case
    video = torch.randn(32, 10), torch.randn(32, 2 * 9, 6)  # 32 clips of 2 frames, two tubelets each
    calibrations |= calibrate([({"video": video}, None, 64)], StandardisationSpec(views=32), ["video"])
    output.summaries["video"] = torch.zeros(32, 10)
    output.patches["video"] = torch.zeros(32, 18, 6)
    losses, logged = teacher_losses(output, targets | {"video": video}, calibrations, LossSpec(), GEOMETRY)
    assert losses["video"].shape == (64,) and torch.equal(losses["video"][::2], losses["video"][1::2])
    assert float(logged["video/patch_mse"]) == pytest.approx(1, rel=0.01)


def test_no_weight_at_all_is_refused():
    with pytest.raises(ValueError, match="expected weights of at least 0, and one above"):
        LossSpec(**NONE)
    with pytest.raises(ValueError, match="expected weights of at least 0"):
        LossSpec(patch_mse=-1.0)
