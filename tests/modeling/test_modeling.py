# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What a ZEN model does, against independent references: sizes, masks, attention, precision, losses, heads."""

import math

import numpy as np
import pytest
import torch
from huggingface_hub.errors import StrictDataclassClassValidationError
from torch import nn
from transformers.utils import is_flash_attn_2_available

from zen_hf import ZenBackbone, ZenConfig, ZenForDistillation, ZenForImageClassification, ZenModel
from zen_hf.modeling.modeling_zen import ZenResidual, ZenRotaryEmbedding, apply_rotary

CLASSES = (ZenModel, ZenBackbone, ZenForImageClassification, ZenForDistillation)


def tiny_config(**settings) -> ZenConfig:
    adaptors = [
        {"name": "what", "hidden_size": 16, "summary_size": 12, "patch_size": 10},
        {"name": "where", "hidden_size": 16, "summary_size": 6, "patch_size": 8},
    ]
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 2}
    return ZenConfig(**({**sizes, "image_size": 64, "num_labels": 5, "adaptors": adaptors} | settings))


def build(model_class=ZenModel, **settings):
    """A model whose random weights are large enough for its parts to matter."""
    torch.manual_seed(0)
    return model_class(tiny_config(initializer_range=0.2, **settings)).eval()


# Sizes


@pytest.mark.parametrize("position_embedding", ["rope", "learned"])
@pytest.mark.parametrize("height, width", [(16, 16), (64, 64), (32, 80), (112, 48)])
def test_any_size_divisible_by_the_patch(height, width, position_embedding):
    output = build(position_embedding=position_embedding)(torch.rand(2, 3, height, width))
    patches = height * width // 16**2
    assert output.last_hidden_state.shape == (2, 1 + 4 + patches, 32)
    torch.testing.assert_close(output.pooler_output, output.last_hidden_state[:, 0])
    assert output.last_hidden_state.isfinite().all()


@pytest.mark.parametrize(
    "size, nearest", [((100, 64), "96x64 and 112x64"), ((16, 90), "16x80 and 16x96"), ((9, 9), "16x16")]
)
def test_other_sizes_name_the_nearest_valid(size, nearest):
    with pytest.raises(ValueError, match=f"{size[0]}x{size[1]} pixels .* patch size 16 .*{nearest}"):
        build()(torch.rand(1, 3, *size))


def test_variants():
    for name, (hidden_size, heads, layers) in {
        "tiny": (192, 3, 12),
        "small": (384, 6, 12),
        "base": (768, 12, 12),
        "large": (1024, 16, 24),
    }.items():
        config = ZenConfig.from_variant(name)
        assert (config.hidden_size, config.num_attention_heads, config.num_hidden_layers) == (
            hidden_size,
            heads,
            layers,
        )
        assert config.intermediate_size == 4 * hidden_size
        assert (config.num_register_tokens, config.patch_size, config.position_embedding) == (4, 16, "rope")
    assert ZenConfig.from_variant("tiny", patch_size=14).patch_size == 14
    with pytest.raises(ValueError, match="unknown ZEN variant 'huge'; expected one of tiny, small, base, large"):
        ZenConfig.from_variant("huge")


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"hidden_size": 33}, "hidden_size 33 is not divisible by num_attention_heads 2"),
        ({"hidden_size": 36}, "head size divisible by 4, but hidden_size 36 over 2 heads gives 18"),
        ({"position_embedding": "sine"}, "'sine'; expected 'rope' or 'learned'"),
        ({"adaptors": [{"name": "a", "width": 3}]}, r"has the keys \['name', 'width'\]; expected"),
        ({"adaptors": [{"name": "a.b", "hidden_size": 1, "summary_size": 1, "patch_size": 1}]}, "'a.b' holds a dot"),
    ],
)
def test_impossible_configurations(settings, message):
    with pytest.raises((ValueError, StrictDataclassClassValidationError), match=message):
        ZenModel(tiny_config(**settings))


# Masks and positions


def test_masked_patches_are_not_seen():
    model = build()
    nn.init.normal_(model.embeddings.mask_token)
    mask = torch.zeros(2, 4, 4, dtype=torch.bool)
    mask[0, 1, 2] = mask[1, 3] = True
    pixels = torch.rand(2, 3, 64, 64)
    changed = pixels.clone()
    changed[0, :, 16:32, 32:48] = 0
    changed[1, :, 48:] = 1
    with torch.no_grad():
        one = model(pixels, bool_masked_pos=mask.flatten(1)).last_hidden_state
        other = model(changed, bool_masked_pos=mask.flatten(1)).last_hidden_state
        unmasked = model(pixels).last_hidden_state
    torch.testing.assert_close(one, other)
    assert (one - unmasked).abs().max() > 0.1


def rotate_by_complex_numbers(states: np.ndarray, height: int, width: int, theta: float) -> np.ndarray:
    """DINOv3's rotation in float64: element i and i + d/2 are one complex number, turned by its patch's angle.

    The first quarter of the elements turns by the row, the second by the column; centres lie in [-1, 1].
    """
    size = states.shape[-1]
    frequencies = theta ** (-np.arange(size // 4) * 4 / size)
    turned = np.empty_like(states)
    for patch, (row, column) in enumerate(np.ndindex(height, width)):
        y, x = 2 * (row + 0.5) / height - 1, 2 * (column + 0.5) / width - 1
        angles = 2 * math.pi * np.concatenate([y * frequencies, x * frequencies])
        numbers = (states[..., patch, :, : size // 2] + 1j * states[..., patch, :, size // 2 :]) * np.exp(1j * angles)
        turned[..., patch, :, :] = np.concatenate([numbers.real, numbers.imag], axis=-1)
    return turned


@pytest.mark.parametrize("height, width", [(3, 3), (2, 5)])
def test_rotary_positions_equal_complex_rotation(height, width):
    config = tiny_config(hidden_size=48, num_attention_heads=2, rope_theta=50.0)  # 24 values per head
    prefix = config.num_prefix_tokens
    states = torch.randn(1, prefix + height * width, 2, 2, 24)
    tables = ZenRotaryEmbedding(config)(torch.zeros(1, 3, height * 16, width * 16))
    found = apply_rotary(states, *tables)
    torch.testing.assert_close(found[:, :prefix], states[:, :prefix])  # summary and registers have no place
    patches = states[:, prefix:].flatten(2, 3).double().numpy()  # [1, N, 2 * H, head_dim]
    expected = rotate_by_complex_numbers(patches, height, width, theta=50.0)
    np.testing.assert_allclose(found[:, prefix:].flatten(2, 3).numpy(), expected, atol=1e-5)


def test_rotary_attention_depends_on_the_distance_alone():
    """Scores of one query and one key, placed on all pairs of patches: equal wherever their offset is."""
    tables = ZenRotaryEmbedding(tiny_config(num_register_tokens=0))(torch.zeros(1, 3, 64, 64))
    query, key = torch.randn(2, 16)
    turned = apply_rotary(torch.stack([query, key]).expand(1, 17, 2, 16)[:, :, :, None], *tables)[0, 1:, :, 0]
    scores = (turned[:, 0] @ turned[:, 1].T).view(4, 4, 4, 4)
    torch.testing.assert_close(scores[0, 0, 2, 1], scores[1, 2, 3, 3], atol=1e-4, rtol=0)
    assert abs(scores[0, 0, 2, 1] - scores[0, 0, 1, 2]) > 1e-3


def test_rotary_augmentation_in_training_only():
    config = tiny_config(rope_shift=0.5, rope_jitter=1.5, rope_rescale=2.0)
    rotary, pixels = ZenRotaryEmbedding(config), torch.zeros(1, 3, 64, 64)
    plain = ZenRotaryEmbedding(tiny_config())(pixels)
    torch.testing.assert_close(rotary.eval()(pixels), plain)
    rotary.train()
    centres = torch.tensor([[-0.5, 0.5], [0.5, -0.5]])
    torch.manual_seed(0)
    drawn = torch.stack([rotary.augment(centres) for _ in range(300)])  # [300, 2, 2]
    spread = drawn[:, 1] - drawn[:, 0]  # twice the half distance of 1, scaled by jitter times rescale
    assert spread.abs().max() <= 3.0 and spread.abs().min() >= 1 / 3
    assert spread.abs().max() > 2.5 and spread.abs().min() < 0.4
    assert (spread[:, 0].abs() - spread[:, 1].abs()).abs().max() > 0.1  # jitter is per axis
    middle = drawn.mean(dim=1) / spread.abs()
    assert middle.abs().max() <= 0.5 + 1e-5 and middle.abs().max() > 0.45  # shift comes before the scales
    assert not torch.equal(rotary(pixels)[0], rotary(pixels)[0])


def test_learned_positions_are_used_as_they_are_on_their_own_grid():
    embeddings = build(position_embedding="learned").embeddings
    assert embeddings.positions(4, 4) is embeddings.position_embeddings
    table = torch.zeros_like(embeddings.position_embeddings)
    table[:, 1:] = torch.linspace(0, 1, 4).repeat_interleave(4)[None, :, None]  # rises from row to row
    embeddings.position_embeddings.data = table
    resampled = embeddings.positions(8, 2)[0, 1:, 0].view(8, 2)
    assert (resampled.diff(dim=0) > 0).all() and (resampled.diff(dim=1).abs() < 1e-6).all()


# Attention, hidden states, checkpointing


@pytest.mark.parametrize(
    "implementation",
    [
        "sdpa",
        pytest.param("flex_attention", marks=pytest.mark.slow),
        pytest.param(
            "flash_attention_2",
            marks=pytest.mark.skipif(not is_flash_attn_2_available(), reason="flash-attn is not installed"),
        ),
    ],
)
def test_attention_implementations_agree(implementation):
    model, pixels = build(), torch.rand(2, 3, 32, 48)
    with torch.no_grad():
        model.set_attn_implementation("eager")
        expected = model(pixels).last_hidden_state
        model.set_attn_implementation(implementation)
        found = model(pixels).last_hidden_state
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_attention_weights():
    model = build()
    model.set_attn_implementation("eager")
    attentions = model(torch.rand(2, 3, 32, 32), output_attentions=True).attentions
    assert [tuple(weights.shape) for weights in attentions] == [(2, 2, 9, 9)] * 3
    torch.testing.assert_close(attentions[0].sum(-1), torch.ones(2, 2, 9))


def test_chosen_hidden_states():
    model, pixels = build(), torch.rand(1, 3, 32, 32)
    every = model(pixels, output_hidden_states=True)
    chosen = model(pixels, output_hidden_states=[1, -1]).hidden_states
    assert [states is None for states in chosen] == [True, False, True, False]
    torch.testing.assert_close(chosen[1], every.hidden_states[1])
    torch.testing.assert_close(model.norm(chosen[-1]), every.last_hidden_state)


@pytest.mark.parametrize("model_class", CLASSES)
def test_checkpointing_leaves_gradients_equal(model_class):
    model, pixels = build(model_class).train(), torch.rand(2, 3, 32, 32)

    def gradients():
        model.zero_grad()
        summed(model(pixels)).backward()
        return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}

    expected = gradients()
    model.activation_checkpointing_enable()
    found = gradients()
    assert set(expected) == set(found) and len(expected) > 20
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, msg=name)


def summed(output) -> torch.Tensor:
    """One number of everything that a model predicts."""
    values = [getattr(output, name, None) for name in ("last_hidden_state", "logits")]
    values += list(getattr(output, "feature_maps", ()))
    values += [*getattr(output, "summaries", {}).values(), *getattr(output, "patches", {}).values()]
    return sum(value.sin().sum() for value in values if value is not None)


@pytest.mark.parametrize("model_class", [ZenBackbone, ZenForImageClassification])
def test_every_trainable_weight_gets_a_gradient(model_class):
    """So that DistributedDataParallel needs no search for unused ones; the mask token is frozen where nothing masks."""
    model = build(model_class).train()
    summed(model(torch.rand(2, 3, 32, 32))).backward()
    without = {name for name, parameter in model.named_parameters() if parameter.grad is None}
    assert without == {"model.embeddings.mask_token"}
    assert not model.model.embeddings.mask_token.requires_grad


# Precision and compilation


@torch.no_grad()
def test_bfloat16_features_are_close():
    model, pixels = build(layerscale_value=0.5), torch.rand(2, 3, 48, 48)
    expected = model(pixels).last_hidden_state
    found = model.to(torch.bfloat16)(pixels).last_hidden_state
    assert found.dtype == torch.bfloat16
    similarity = nn.functional.cosine_similarity(found.float(), expected, dim=-1)
    assert similarity.min() >= 0.999


def test_autocast_keeps_the_residual_stream_in_float32():
    model = build().train()
    with torch.autocast("cpu", torch.bfloat16):
        output = model(torch.rand(1, 3, 32, 32), output_hidden_states=True)
    assert {states.dtype for states in output.hidden_states} == {torch.float32}
    output.last_hidden_state.sum().backward()


@pytest.mark.parametrize(
    "model_class, position_embedding",
    [
        (ZenForDistillation, "rope"),  # all of ZenModel, and heads
        pytest.param(ZenModel, "learned", marks=pytest.mark.slow),
        pytest.param(ZenBackbone, "rope", marks=pytest.mark.slow),
        pytest.param(ZenForImageClassification, "rope", marks=pytest.mark.slow),
    ],
)
def test_compiles_without_graph_break(model_class, position_embedding):
    model = build(model_class, position_embedding=position_embedding, num_hidden_layers=1)
    compiled = torch.compile(model, fullgraph=True, dynamic=True, backend="eager")
    with torch.no_grad():
        for batch, height, width in [(2, 64, 64), (3, 48, 80)]:
            pixels = torch.rand(batch, 3, height, width)
            torch.testing.assert_close(summed(compiled(pixels)), summed(model(pixels)))


@pytest.mark.slow
def test_compiled_code_equals_eager():
    model = build(num_hidden_layers=1)
    compiled, pixels = torch.compile(model, fullgraph=True), torch.rand(2, 3, 32, 48)
    with torch.no_grad():
        torch.testing.assert_close(
            compiled(pixels).last_hidden_state, model(pixels).last_hidden_state, atol=1e-5, rtol=1e-4
        )
    mask = torch.rand(2, 6) < 0.5
    expected, found = model(pixels, bool_masked_pos=mask), compiled(pixels, bool_masked_pos=mask)
    torch.testing.assert_close(found.last_hidden_state, expected.last_hidden_state, atol=1e-5, rtol=1e-4)
    found.pooler_output.sum().backward()
    assert model.layers[0].attention.qkv_proj.weight.grad.abs().sum() > 0


# Stochastic depth


def test_drop_path_drops_whole_samples_and_keeps_the_mean():
    config = tiny_config(drop_path_rate=0.4)
    rates = [ZenResidual(config, layer).drop_rate for layer in range(3)]
    assert rates == pytest.approx([0.0, 0.2, 0.4])
    residual = ZenResidual(config, 2).train()
    nn.init.constant_(residual.scale, 2.0)
    torch.manual_seed(0)
    branch = torch.rand(4000, 2, 32) + 1
    added = residual(torch.zeros_like(branch), branch)
    dropped = (added == 0).flatten(1).all(dim=1)
    assert ((added == 0).flatten(1).any(dim=1) == dropped).all()
    assert dropped.float().mean() == pytest.approx(0.4, abs=0.03)
    torch.testing.assert_close(added[~dropped], 2 * branch[~dropped] / 0.6)
    torch.testing.assert_close(residual.eval()(torch.zeros_like(branch), branch), 2 * branch)


# Heads


def test_single_label_loss_is_cross_entropy():
    model, pixels = build(ZenForImageClassification), torch.rand(3, 3, 32, 32)
    labels = torch.tensor([4, 0, 2])
    output = model(pixels, labels=labels)
    expected = -output.logits.double().log_softmax(-1)[torch.arange(3), labels].mean()
    assert output.loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert model.config.problem_type == "single_label_classification"


def test_multi_label_loss_is_binary_cross_entropy():
    model, pixels = build(ZenForImageClassification), torch.rand(3, 3, 32, 32)
    labels = torch.tensor([[1, 0, 1, 0, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]]).float()
    output = model(pixels, labels=labels)
    chance = output.logits.double().sigmoid()
    expected = -(labels * chance.log() + (1 - labels) * (1 - chance).log()).mean()
    assert output.loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert model.config.problem_type == "multi_label_classification"


def test_classifier_reads_summary_and_mean_patch():
    model, pixels = build(ZenForImageClassification), torch.rand(2, 3, 32, 48)
    tokens = model.model(pixels).last_hidden_state
    features = torch.cat([tokens[:, 0], tokens[:, 5:].mean(dim=1)], dim=1)
    torch.testing.assert_close(model(pixels).logits, features @ model.classifier.weight.T + model.classifier.bias)
    assert model(pixels).loss is None


def test_backbone_maps_are_normed_hidden_states():
    model, pixels = build(ZenBackbone, out_indices=[1, 3]), torch.rand(2, 3, 32, 48)
    output = model(pixels, output_hidden_states=True)
    assert [tuple(maps.shape) for maps in output.feature_maps] == [(2, 32, 2, 3)] * 2
    tokens = model.model(pixels).last_hidden_state
    torch.testing.assert_close(output.feature_maps[1][:, :, 1, 2], tokens[:, 5 + 1 * 3 + 2])
    expected = model.model.norm(output.hidden_states[1])[:, 5:]
    torch.testing.assert_close(output.feature_maps[0].flatten(2).transpose(1, 2), expected)
    model.config.reshape_hidden_states = model.config.apply_layernorm = False
    summary_and_patches = torch.cat([output.hidden_states[1][:, :1], output.hidden_states[1][:, 5:]], dim=1)
    torch.testing.assert_close(model(pixels).feature_maps[0], summary_and_patches)


def test_distillation_predicts_for_every_teacher():
    model, pixels = build(ZenForDistillation), torch.rand(2, 3, 32, 48)
    output = model(pixels)
    assert {name: tuple(x.shape) for name, x in output.summaries.items()} == {"what": (2, 12), "where": (2, 6)}
    assert {name: tuple(x.shape) for name, x in output.patches.items()} == {"what": (2, 6, 10), "where": (2, 6, 8)}
    head = model.adaptors["where"].patches
    inner = nn.functional.gelu(head.norm(head.up_proj(output.last_hidden_state[:, 5:])))
    torch.testing.assert_close(output.patches["where"], head.down_proj(inner))
    mask = torch.ones(2, 6, dtype=torch.bool)
    assert (model(pixels, bool_masked_pos=mask).summaries["what"] - output.summaries["what"]).abs().max() > 1e-3
