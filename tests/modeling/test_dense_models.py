# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Dense models: every head over every kind of trunk, its own weights inside, gradients where they belong."""

import copy

import pytest
import torch
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModel,
    ConvNextConfig,
    ConvNextModel,
    Dinov2Config,
    Dinov2Model,
    DINOv3ViTConfig,
    DINOv3ViTModel,
    DPTConfig,
    DPTForSemanticSegmentation,
    MobileNetV2Config,
    MobileNetV2Model,
    SiglipVisionConfig,
    SiglipVisionModel,
    SwinConfig,
    SwinModel,
    ViTConfig,
    ViTModel,
)

from zen_hf import ZenConfig, ZenForSemanticSegmentation, ZenModel
from zen_hf.modeling.dense_models import (
    HEADS,
    dense_backbone,
    dense_model,
    dense_multiple,
    dense_output,
    head_modules,
    replay,
    trunk_module,
)

PLAIN = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2}
PLAIN |= {"image_size": 32, "patch_size": 8}
SMALL = {"width": 32, "queries": 5, "decoder_layers": 2, "encoder_layers": 1, "points": 16, "seed": 3}
TRUNKS = {
    "zen": lambda: ZenModel(ZenConfig(**PLAIN)),
    "dinov2": lambda: Dinov2Model(Dinov2Config(**PLAIN)),
    "dinov3": lambda: DINOv3ViTModel(DINOv3ViTConfig(**PLAIN)),
    "vit": lambda: ViTModel(ViTConfig(**PLAIN)),
    "clip": lambda: CLIPVisionModel(CLIPVisionConfig(**PLAIN)),
    "siglip": lambda: SiglipVisionModel(SiglipVisionConfig(**PLAIN)),
    "mobilenet": lambda: MobileNetV2Model(MobileNetV2Config(depth_multiplier=0.35, initializer_range=0.2)),
    "convnext": lambda: ConvNextModel(ConvNextConfig(hidden_sizes=[8, 8, 16, 24], depths=[1, 1, 1, 1])),
    "swin": lambda: SwinModel(SwinConfig(embed_dim=8, depths=[1] * 4, num_heads=[1] * 4, window_size=2)),
}
PAIRS = [("segmentation", "linear"), ("segmentation", "dpt"), ("partial", "upernet"), ("instances", "mask2former")]
PAIRS += [("depth", "linear"), ("depth", "dpt")]


def trunk_of(name: str) -> torch.nn.Module:
    """A tiny trunk of random weights."""
    torch.manual_seed(0)
    return TRUNKS[name]().eval()


def build(trunk, head: str, kind: str, **kwargs):
    """A tiny dense model of three classes."""
    return dense_model(trunk, head, kind, () if kind == "depth" else ("a", "b", "c"), **(SMALL | kwargs))


def outputs_of(model, kind: str, pixels: torch.Tensor) -> torch.Tensor:
    """What a model predicts, as one tensor."""
    if kind != "instances":
        return dense_output(model, kind, pixels)
    outputs = model(pixel_values=pixels)
    return torch.cat([outputs.masks_queries_logits.flatten(1), outputs.class_queries_logits.flatten(1)], dim=1)


MATRIX = [("zen", *pair) for pair in PAIRS] + [("mobilenet", "depth", "dpt")]
MATRIX += [(name, "segmentation", "dpt") for name in TRUNKS if name != "zen"]
MATRIX += [(name, "instances", "mask2former") for name in TRUNKS if name != "zen"]
MATRIX += [(name, "depth", "linear") for name in ("dinov2", "siglip", "mobilenet")]


@pytest.mark.parametrize("name, kind, head", MATRIX)
def test_every_head_over_every_trunk(name, kind, head):
    """Not square, odd grids; kept maps give what pixels give; the trunk is the one that was given."""
    trunk = trunk_of(name)
    model = build(trunk, head, kind)
    side = dense_multiple(model)
    assert side == (32 if name in ("mobilenet", "convnext", "swin") else 8)
    pixels = torch.rand(2, 3, 3 * side, 5 * side)
    with torch.no_grad():
        maps = dense_backbone(model).trunk_maps(pixels)
        found = outputs_of(model, kind, pixels)
        with replay(model, maps) as blank:
            torch.testing.assert_close(outputs_of(model, kind, blank), found, rtol=0, atol=0)
        states = trunk(pixels, **dense_backbone(model).trunk_arguments).last_hidden_state
    last = states if states.ndim == 4 else states[:, -15:].transpose(1, 2).unflatten(2, (3, 5))
    torch.testing.assert_close(maps[-1], last, rtol=0, atol=0)
    assert found.isfinite().all()
    if kind != "instances":
        assert found.shape[:2] == (2, 1 if kind == "depth" else 3)
        assert (found.std() > 0) and (kind != "depth" or (found > 0).all())


@pytest.mark.parametrize("kind, head", [*PAIRS, ("segmentation", "mask2former")])
@pytest.mark.parametrize("name", ["zen", "siglip", "convnext"])
def test_no_parameter_is_unused(name, kind, head):
    """DDP waits for the gradient of every parameter that asks for one."""
    model = build(trunk_of(name), head, kind).train()
    pixels = torch.rand(2, 3, 64, 96)
    if head == "mask2former":
        masks = torch.zeros(2, 64, 96)
        masks[0, :20, :20] = masks[1, 30:] = 1
        inputs = {"mask_labels": [masks, masks[:1]], "class_labels": [torch.tensor([0, 2]), torch.tensor([1])]}
        model(pixel_values=pixels, **inputs).loss.backward()
    else:
        outputs_of(model, kind, pixels).sum().backward()
    for key, parameter in model.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, key
    frozen = [key for key, parameter in model.named_parameters() if not parameter.requires_grad]
    assert all("mask_token" in k or "residual_layer1" in k or "trunk.head" in k or "layernorm" in k for k in frozen)


@pytest.mark.parametrize("kind, head", PAIRS)
def test_gradient_flows_to_the_head_alone_where_maps_are_kept(kind, head):
    model = build(trunk_of("zen"), head, kind).train()
    with torch.no_grad():
        maps = dense_backbone(model).trunk_maps(torch.rand(2, 3, 32, 48))
    with replay(model, maps) as blank:
        outputs_of(model, kind, blank).sum().backward()
    name, heads = trunk_module(model)[0], head_modules(model)
    for key, parameter in model.named_parameters():
        assert key.startswith((f"{name}.", *(f"{own}." for own in heads))), key
        assert (parameter.grad is not None) == (not key.startswith(f"{name}.") and parameter.requires_grad), key


def test_weights_are_the_given_ones_and_the_seed_draws_the_rest():
    trunk = trunk_of("dinov2")
    state = torch.random.get_rng_state()
    one, same, other = (build(trunk, "dpt", "depth", seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    for key, value in trunk_module(other)[1].state_dict().items():
        assert torch.equal(value, trunk.state_dict()[key]), key
    pixels = torch.rand(1, 3, 16, 24)
    with torch.no_grad():
        depths = [dense_output(model, "depth", pixels) for model in (one, same, other)]
    assert torch.equal(depths[0], depths[1]) and not torch.equal(depths[0], depths[2])
    with torch.no_grad():
        trunk_module(one)[1].layernorm.weight.add_(1)
    assert not torch.equal(one.backbone.trunk.layernorm.weight, trunk.layernorm.weight)  # a copy


def test_weights_that_do_not_belong_are_refused():
    trunk = trunk_of("zen")
    trunk.extra = torch.nn.Linear(2, 2)
    with pytest.raises(ValueError, match="in 2 places .first: extra.bias"):
        build(trunk, "linear", "segmentation")
    trunk = trunk_of("zen")
    trunk.config.num_hidden_layers = 5
    with pytest.raises(ValueError, match="layers.4.attention"):
        build(trunk, "linear", "segmentation")
    narrow = trunk_of("vit")
    narrow.pooler = None  # as `load_pretrained` leaves it
    build(narrow, "linear", "segmentation")


def test_linear_head_is_standardised_features_times_a_matrix():
    trunk = trunk_of("zen")
    model = build(trunk, "linear", "segmentation").train()
    pixels = torch.rand(4, 3, 16, 24)
    tokens = trunk(pixels).last_hidden_state[:, 5:].detach().double().flatten(0, 1)  # [4 * 6, 32]
    normed = (tokens - tokens.mean(dim=0)) / (tokens.var(dim=0, unbiased=False) + 1e-5).sqrt()
    weight, bias = (value.detach().double() for value in (model.head.classifier.weight, model.head.classifier.bias))
    expected = (normed @ weight[:, :, 0, 0].T + bias).unflatten(0, (4, 2, 3)).permute(0, 3, 1, 2)
    found = dense_output(model, "segmentation", pixels)
    torch.testing.assert_close(found, expected.float(), rtol=1e-4, atol=1e-5)


def test_dpt_is_that_of_transformers():
    """Same tokens, same weights: the logits of `DPTForSemanticSegmentation`, whose trunk cannot be exchanged."""
    torch.manual_seed(0)
    sizes = {"neck_hidden_sizes": [8, 16, 32, 32], "fusion_hidden_size": 32, "num_labels": 3}
    settings = {"readout_type": "ignore", "backbone_out_indices": [0, 1, 2, 3], "use_auxiliary_head": False}
    theirs = DPTForSemanticSegmentation(DPTConfig(**PLAIN, **sizes, **settings, initializer_range=0.2)).eval()
    ours = build(trunk_of("zen"), "dpt", "segmentation")
    assert type(ours) is ZenForSemanticSegmentation
    ours.neck.load_state_dict(theirs.neck.state_dict())
    ours.head.load_state_dict(theirs.head.state_dict())
    with torch.no_grad():
        outputs = theirs(torch.rand(2, 3, 32, 32), output_hidden_states=True)
        tokens = [states[:, 1:] for states in outputs.hidden_states[1:]]
        maps = [states.transpose(1, 2).unflatten(2, (4, 4)) for states in tokens]
        torch.testing.assert_close(dense_output(ours, "segmentation", maps=maps), outputs.logits)
    assert outputs.logits.std() > 1e-3


def test_depth_is_in_the_unit_of_the_data():
    trunk, pixels = trunk_of("zen"), torch.rand(2, 3, 24, 32)
    for head in ("linear", "dpt"):
        one, metres = (build(trunk, head, "depth", depth_scale=scale) for scale in (1.0, 60.0))
        with torch.no_grad():
            depth = dense_output(metres, "depth", pixels)
            torch.testing.assert_close(depth, 60 * dense_output(one, "depth", pixels))
        assert 20 < depth.median() < 180  # training begins near the scale, and nowhere dead
        assert metres.config.depth_scale == 60.0


def test_scores_of_queries_are_those_of_transformers():
    """Mask2Former as a map: the class of every pixel is the one `post_process_semantic_segmentation` picks."""
    from transformers import Mask2FormerImageProcessorPil

    model, pixels = build(trunk_of("zen"), "mask2former", "segmentation"), torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        scores = dense_output(model, "segmentation", pixels)
        outputs = model(pixel_values=pixels)
    sizes = [(384, 384)] * 2  # theirs are resized to that first
    expected = Mask2FormerImageProcessorPil().post_process_semantic_segmentation(outputs, target_sizes=sizes)
    resized = torch.nn.functional.interpolate(scores.exp(), size=(384, 384), mode="bilinear", align_corners=False)
    agreement = (resized.argmax(dim=1) == torch.stack(expected)).double().mean()
    assert agreement > 0.98


def test_losses_leave_out_what_is_unknown():
    trunk, pixels = trunk_of("zen"), torch.rand(2, 3, 16, 24)
    labels = torch.randint(0, 3, (2, 16, 24))
    labels[:, :5] = 255
    model = build(trunk, "linear", "segmentation")
    output = model(pixels, labels=labels)
    logits = torch.nn.functional.interpolate(output.logits, size=(16, 24), mode="bilinear")
    picked = -logits.log_softmax(dim=1).gather(1, labels.clamp(max=2)[:, None])[:, 0][labels != 255]
    torch.testing.assert_close(output.loss, picked.mean())
    model = build(trunk, "linear", "partial")
    several = torch.randint(0, 2, (2, 3, 16, 24))
    several[:, 1:] = 255
    output = model(pixels, labels=several)
    logits = torch.nn.functional.interpolate(output.logits, size=(16, 24), mode="bilinear")[:, 0]
    signs = 2 * several[:, 0] - 1
    torch.testing.assert_close(output.loss, -(signs * logits).sigmoid().log().mean())
    assert model(pixels, labels=torch.full_like(several, 255)).loss == 0


def test_heads_that_do_not_fit_are_named():
    trunk = trunk_of("zen")
    for kind in HEADS:
        for head in {"linear", "dpt", "upernet", "mask2former", "mean"} - set(HEADS[kind]):
            with pytest.raises(ValueError, match=f"head '{head}' does not predict '{kind}' over ZenModel"):
                build(trunk, head, kind)
    with pytest.raises(ValueError, match="multiple of 32"):
        build(trunk, "mask2former", "instances", width=24)
    with pytest.raises(ValueError, match="labels are"):
        dense_model(trunk, "linear", "segmentation", (), seed=0)
    with pytest.raises(ValueError, match="instances stay queries"):
        dense_output(build(trunk, "mask2former", "instances"), "instances", torch.rand(1, 3, 32, 32))
    with pytest.raises(ValueError, match="either pixel_values or maps"):
        dense_output(build(trunk, "linear", "segmentation"), "segmentation")
    with pytest.raises(ValueError, match="no ZenPyramidBackbone"):
        trunk_module(trunk)
    vectors = copy.deepcopy(trunk)
    vectors.forward = lambda pixel_values, **_: type("Output", (), {"last_hidden_state": torch.zeros(1, 8)})()
    with pytest.raises(ValueError, match=r"gives features \(1, 8\) of a blank frame"):
        build(vectors, "linear", "segmentation")


@pytest.mark.parametrize("kind", ["segmentation", "depth"])
@pytest.mark.parametrize("name", ["zen", "mobilenet"])
def test_a_signal_keeps_its_size_through_fresh_dpt(kind, name):
    """Transformers' own weights let it fade to 0.0001 on the way, and places could not be told apart."""
    labels = ("a", "b") if kind == "segmentation" else ()
    model = dense_model(TRUNKS[name](), "dpt", kind, labels, **SMALL)
    backbone = dense_backbone(model)
    with torch.no_grad():
        maps = backbone.trunk_maps(torch.rand(2, 3, 64, 64))
        drawn = [torch.randn(maps_of.shape) for maps_of in maps]
        seen = []
        last = [module for module in model.head.modules() if isinstance(module, torch.nn.Conv2d)][-1]
        fused = model.neck.fusion_stage.layers[-1].register_forward_hook(lambda *call: seen.append(call[2]))
        dense_output(model, kind, maps=drawn)
        fused.remove()
    assert 0.2 < seen[0].std() < 10
    assert last.weight.std() < 0.1
