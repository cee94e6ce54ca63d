# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Every kind of adaptor computes its formula, trains all of its weights and survives saving."""

import pytest
import torch
from huggingface_hub.errors import StrictDataclassClassValidationError
from pytest import approx
from torch import nn

from zen_hf import ZenConfig, ZenForDistillation, ZenModel
from zen_hf.modeling.modeling_zen_distillation import ZenTemporalAdaptor

SIZES = {"summary_size": 12, "patch_size": 10}
ADAPTORS = {
    "mlp": {"name": "mlp", "kind": "mlp", "hidden_size": 16, **SIZES},
    "transformer": {"name": "transformer", "kind": "transformer", **SIZES},
    "ladder": {"name": "ladder", "kind": "ladder", "hidden_size": 16, **SIZES},
    "temporal": {"name": "temporal", "kind": "temporal", "tubelet_size": 2, **SIZES},
}


def build(*kinds: str, **settings) -> ZenForDistillation:
    """A model whose random weights are large enough for its parts to matter."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 2}
    adaptors = [ADAPTORS[kind] for kind in kinds]
    settings = {**sizes, "image_size": 64, "adaptors": adaptors, "initializer_range": 0.2} | settings
    return ZenForDistillation(ZenConfig(**settings)).eval()


def wake_up(block: nn.Module) -> None:
    """Gives a block's LayerScale a value at which the block matters."""
    for name, parameter in block.named_parameters():
        if name.endswith("scale"):
            nn.init.ones_(parameter)


@pytest.mark.parametrize("position_embedding", ["rope", "learned"])
def test_all_kinds_answer_side_by_side(position_embedding):
    model = build(*ADAPTORS, position_embedding=position_embedding)
    output = model(torch.rand(8, 3, 32, 48), clip_frames=4)
    frames, clips = dict.fromkeys(("mlp", "transformer", "ladder"), 8), {"temporal": 2}
    assert {name: tuple(x.shape) for name, x in output.summaries.items()} == {
        name: (count, 12) for name, count in (frames | clips).items()
    }
    shapes = {name: tuple(x.shape) for name, x in output.patches.items()}
    assert shapes == {name: (8, 6, 10) for name in frames} | {"temporal": (2, 2 * 6, 10)}


@pytest.mark.parametrize("position_embedding", ["rope", "learned"])
@pytest.mark.parametrize("kind", ADAPTORS)
def test_a_gradient_reaches_every_weight(kind, position_embedding):
    """DDP waits for those that have none."""
    model = build(kind, position_embedding=position_embedding).train()
    model.model.embeddings.mask_token.requires_grad_(False)
    output = model(torch.rand(4, 3, 32, 32), clip_frames=4)
    (output.summaries[kind].square().sum() + output.patches[kind].square().sum()).backward()
    idle = [
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and (parameter.grad is None or not parameter.grad.any())
    ]
    assert idle == []


def test_the_output_of_a_transformer_adaptor():
    model, pixels = build("transformer"), torch.rand(2, 3, 32, 48)
    adaptor = model.adaptors["transformer"]
    assert [p.unique().tolist() for n, p in adaptor.named_parameters() if n.endswith("scale")] == [[approx(1e-4)]] * 2
    assert all((p == 1.0).all() for n, p in model.model.named_parameters() if n.endswith("scale"))
    wake_up(adaptor)
    output = model(pixels)
    # the same block in a trunk without registers
    other = build("transformer", num_register_tokens=0)
    tokens = torch.cat([output.last_hidden_state[:, :1], output.last_hidden_state[:, 5:]], dim=1)
    tokens = adaptor.block(tokens, position_embeddings=other.model.rotary(pixels))
    torch.testing.assert_close(output.summaries["transformer"], adaptor.summary(tokens[:, 0]))
    torch.testing.assert_close(output.patches["transformer"], adaptor.patches(tokens[:, 1:]))


@pytest.mark.parametrize("position_embedding", ["rope", "learned"])
def test_a_transformer_adaptor_knows_places_only_by_rotation(position_embedding):
    model = build("transformer", position_embedding=position_embedding)
    adaptor = model.adaptors["transformer"]
    wake_up(adaptor)
    tables = model.model.rotary(torch.zeros(1, 3, 32, 48)) if position_embedding == "rope" else None
    tokens, order = torch.randn(1, 5 + 6, 32), torch.tensor([3, 0, 5, 1, 4, 2])
    shuffled = torch.cat([tokens[:, :5], tokens[:, 5:][:, order]], dim=1)
    found, other = (adaptor([states], tables)[1] for states in (tokens, shuffled))
    difference = (found[:, order] - other).abs().max()
    assert (difference > 1e-2) if position_embedding == "rope" else (difference < 1e-4)


def test_the_output_of_a_ladder():
    model, pixels = build("ladder"), torch.rand(2, 3, 32, 48)
    ladder = model.adaptors["ladder"].patches
    assert [layer.out_features for layer in ladder.up_proj] == [16, 16, 64]
    assert [layer.bias is None for layer in ladder.down_proj] == [True, True, False]
    states = model.model(pixels, output_hidden_states=True).hidden_states[1:]
    expected = 0
    for level, tokens in enumerate(states):
        tokens = model.model.norm(tokens).double()
        up, down = ladder.up_proj[level], ladder.down_proj[level]
        inner = nn.functional.gelu(tokens @ up.weight.double().T + up.bias.double())
        expected = expected + inner @ down.weight.double().T
    expected = expected + ladder.down_proj[-1].bias.double()
    output = model(pixels)
    torch.testing.assert_close(output.patches["ladder"].double(), expected[:, 5:], atol=1e-4, rtol=1e-4)
    assert output.hidden_states is None
    assert len(model(pixels, output_hidden_states=True).hidden_states) == 4


def test_a_ladder_learns_the_same_under_activation_checkpointing():
    pixels, gradients = torch.rand(2, 3, 32, 32), []
    for checkpointing in (False, True):
        model = build("ladder").train()
        if checkpointing:
            model.activation_checkpointing_enable()
        output = model(pixels)
        (output.summaries["ladder"].square().sum() + output.patches["ladder"].square().sum()).backward()
        gradients.append({n: p.grad for n, p in model.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, atol=1e-4, rtol=1e-4)


def test_tubelets_join_the_frames_of_one_place_by_time_then_place():
    """With idle blocks and no positions: token (tubelet 1, patch 2) of clip 1 is patch 2 of its frames 2 and 3."""
    config = ZenConfig(hidden_size=4, num_attention_heads=1, intermediate_size=4, adaptors=None)
    adaptor = ZenTemporalAdaptor(config, {"tubelet_size": 2, "summary_size": 8, "patch_size": 8})
    adaptor.time_positions = lambda clip_frames, like: torch.zeros(clip_frames, 4)
    adaptor.blocks = nn.ModuleList()
    nn.init.eye_(adaptor.patches.weight), nn.init.zeros_(adaptor.patches.bias)
    nn.init.eye_(adaptor.summary.weight), nn.init.zeros_(adaptor.summary.bias)
    tokens = torch.arange(2 * 4 * (5 + 3) * 4).view(8, 5 + 3, 4).float()  # 2 clips of 4 frames of 3 patches
    summary, patches = adaptor(tokens, clip_frames=4)
    assert patches.shape == (2, 2 * 3, 8)
    clip, tubelet, patch = 1, 1, 2
    frames = tokens[clip * 4 + 2 : clip * 4 + 4, 5 + patch]  # [2, 4]
    assert torch.equal(patches[clip, tubelet * 3 + patch], frames.flatten())
    torch.testing.assert_close(summary, patches.mean(dim=1))


def test_temporal_attention_stays_in_its_clip_and_at_its_patch():
    adaptor = build("temporal").adaptors["temporal"]
    wake_up(adaptor)
    tokens = torch.randn(8, 5 + 6, 32)
    changed = tokens.clone()
    changed[5, 5 + 3] += 1  # frame 1 of clip 1, patch 3
    difference = (adaptor(tokens, 4)[1] - adaptor(changed, 4)[1]).abs().sum(dim=-1)
    assert difference.nonzero().tolist() == [[1, 3], [1, 6 + 3]]  # both tubelets, through attention
    backwards = tokens.unflatten(0, (2, 4)).flip(1).flatten(0, 1)
    reversed_output = adaptor(backwards, 4)[1].unflatten(1, (2, 6)).flip(1).flatten(1, 2)
    assert (reversed_output - adaptor(tokens, 4)[1]).abs().max() > 1e-2  # time has a direction


def test_clips_of_any_length_but_whole():
    model = build("mlp", "temporal")
    pixels = torch.rand(12, 3, 32, 32)
    for length in (2, 6, 12):
        assert model(pixels, clip_frames=length).patches["temporal"].shape == (12 // length, length // 2 * 4, 10)
    for length in (3, 8):
        with pytest.raises(ValueError, match=f"12 frames in clips of clip_frames={length} .* divisible by 2"):
            model(pixels, clip_frames=length)
    assert set(model(pixels).patches) == {"mlp"}  # frames alone, at inference
    with pytest.raises(ValueError, match="temporal adaptor 'temporal' learns from clips; pass clip_frames"):
        model.train()(pixels)


@pytest.mark.parametrize(
    "adaptor, message",
    [
        ({"kind": "conv"}, "the kind 'conv'; expected one of mlp, transformer, ladder, temporal"),
        ({"kind": "transformer", "hidden_size": 3}, "of the kind 'transformer' has the keys .*hidden_size"),
        ({"kind": "ladder"}, "of the kind 'ladder' has the keys .*expected .*hidden_size"),
        ({"kind": "temporal"}, "expected .*tubelet_size"),
    ],
)
def test_impossible_adaptors(adaptor, message):
    with pytest.raises((ValueError, StrictDataclassClassValidationError), match=message):
        ZenConfig(adaptors=[{"name": "a", **SIZES} | adaptor])


def test_adaptors_without_a_kind_are_mlps():
    old = {key: value for key, value in ADAPTORS["mlp"].items() if key != "kind"}
    new, pixels = build("mlp"), torch.rand(1, 3, 32, 32)
    model = build(adaptors=[old])
    model.load_state_dict(new.state_dict())
    torch.testing.assert_close(model(pixels).patches["mlp"], new(pixels).patches["mlp"])


@pytest.mark.parametrize("kind", ADAPTORS)
def test_saved_and_loaded(kind, tmp_path):
    model, pixels = build(kind), torch.rand(4, 3, 32, 32)
    model.save_pretrained(tmp_path)
    loaded, report = ZenForDistillation.from_pretrained(tmp_path, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    expected, found = model(pixels, clip_frames=4), loaded.eval()(pixels, clip_frames=4)
    torch.testing.assert_close(found.summaries[kind], expected.summaries[kind])
    torch.testing.assert_close(found.patches[kind], expected.patches[kind])
    trunk, report = ZenModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not report["missing_keys"]
    torch.testing.assert_close(trunk.eval()(pixels).last_hidden_state, expected.last_hidden_state)
