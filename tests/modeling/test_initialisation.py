# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""After `from_pretrained`, each weight is the checkpoint's or a correct fresh one, for every pair of classes.

`from_pretrained` builds models on the meta device: what `_init_weights` forgets is uninitialised memory afterwards,
which an ordinary test takes for small numbers. Here PyTorch fills such memory with NaN.
"""

import itertools

import pytest
import torch
from transformers.modeling_utils import PreTrainedModel

from zen_hf import ZenConfig
from zen_hf.modeling import modeling_zen_distillation  # noqa: F401  (defines a class of the family)
from zen_hf.modeling.modeling_zen import ZenPreTrainedModel

CLASSES = sorted(ZenPreTrainedModel.__subclasses__(), key=lambda model_class: model_class.__name__)
POSITIONS = ("rope", "learned")
STD, SCALE = 0.05, 0.25


@pytest.fixture(autouse=True)
def uninitialised_memory_is_nan():
    torch.use_deterministic_algorithms(True)
    assert torch.utils.deterministic.fill_uninitialized_memory and torch.empty(3).isnan().all()
    yield
    torch.use_deterministic_algorithms(False)


def tiny_config(position_embedding: str) -> ZenConfig:
    adaptors = [{"name": "teacher", "hidden_size": 24, "summary_size": 20, "patch_size": 16}]
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    return ZenConfig(
        **sizes,
        image_size=96,
        use_gated_mlp=True,
        initializer_range=STD,
        layerscale_value=SCALE,
        position_embedding=position_embedding,
        adaptors=adaptors,
    )


def assert_fresh(name: str, tensor: torch.Tensor, config: ZenConfig) -> None:
    """What a weight that no checkpoint gave must look like, written down independently of `_init_weights`."""
    assert tensor.device.type == "cpu" and tensor.isfinite().all(), name
    if name.endswith("inv_freq"):
        head_size = config.hidden_size // config.num_attention_heads
        expected = [config.rope_theta ** (-4 * index / head_size) for index in range(head_size // 4)]
        torch.testing.assert_close(tensor, torch.tensor(expected))
    elif name.endswith(("bias", "mask_token")):
        assert (tensor == 0).all(), name
    elif name.endswith("residual1.scale") or name.endswith("residual2.scale"):
        assert (tensor == SCALE).all(), name
    elif ".norm" in f".{name}":
        assert (tensor == 1).all(), name
    else:  # normal; the tolerance is five standard errors of a sample of this size
        error = 5 * STD / tensor.numel() ** 0.5
        assert tensor.numel() >= 32 and abs(tensor.mean()) < error and abs(tensor.std() - STD) < error, name


def all_tensors(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    """Parameters and buffers, also those that are not saved."""
    return dict(itertools.chain(model.named_parameters(), model.named_buffers()))


def trunk_name(name: str) -> str:
    return name.removeprefix("model.")


@pytest.mark.parametrize("position_embedding", POSITIONS)
@pytest.mark.parametrize("model_class", CLASSES)
def test_constructed_model_is_fresh(model_class, position_embedding):
    config = tiny_config(position_embedding)
    for name, tensor in all_tensors(model_class(config)).items():
        assert_fresh(name, tensor, config)


@pytest.mark.parametrize("position_embedding", POSITIONS)
@pytest.mark.parametrize("target_class", CLASSES)
@pytest.mark.parametrize("source_class", CLASSES)
def test_every_weight_is_loaded_or_fresh(tmp_path, source_class, target_class, position_embedding):
    config = tiny_config(position_embedding)
    source = source_class(config)
    with torch.no_grad():
        for parameter in source.parameters():
            parameter.uniform_(1, 2)
    source.save_pretrained(tmp_path)
    target, report = target_class.from_pretrained(tmp_path, output_loading_info=True)

    saved = {trunk_name(name): tensor for name, tensor in source.state_dict().items()}
    fresh = set()
    for name, tensor in all_tensors(target).items():
        if trunk_name(name) in saved:
            torch.testing.assert_close(tensor.data, saved[trunk_name(name)], rtol=0, atol=0)
        else:
            assert_fresh(name, tensor, config)
            fresh.add(name)

    unsaved = {name for name in fresh if name.endswith("inv_freq")}
    assert bool(unsaved) == (position_embedding == "rope")
    assert report["missing_keys"] == fresh - unsaved
    wanted = {trunk_name(name) for name in target.state_dict()}
    unexpected = {trunk_name(name) for name in report["unexpected_keys"]}
    assert unexpected == {name for name in set(saved) - wanted if not name.startswith("adaptors.")}
    assert not report["mismatched_keys"]
    assert not target.training


@pytest.mark.parametrize("model_class", CLASSES)
def test_unknown_weights_are_reported(tmp_path, model_class):
    model = model_class(tiny_config("rope"))
    state = model.state_dict() | {"stranger.weight": torch.zeros(1)}
    model.save_pretrained(tmp_path, state_dict=state)
    _, report = model_class.from_pretrained(tmp_path, output_loading_info=True)
    assert {name.rpartition("stranger")[1] for name in report["unexpected_keys"]} == {"stranger"}


def test_distillation_without_adaptors_is_an_error():
    config = tiny_config("rope")
    config.adaptors = None
    with pytest.raises(ValueError, match="needs config.adaptors"):
        modeling_zen_distillation.ZenForDistillation(config)
