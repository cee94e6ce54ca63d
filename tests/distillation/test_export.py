# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Exported adaptors speak in their teachers' spaces, whatever their kind; what serves training alone stays behind."""

import copy

import pytest
import torch
from transformers import AutoModel

from zen_hf import ZenConfig, ZenForDistillation, ZenModel
from zen_hf.distillation.calibration import Calibration
from zen_hf.distillation.export import export
from zen_hf.distillation.standardisation import METHODS, Standardisation, StreamingMoments

SIZES = {"summary_size": 12, "patch_size": 8}
KINDS = {"mlp": {"hidden_size": 16}, "transformer": {}, "ladder": {"hidden_size": 16}}
TEMPORAL = {"name": "clips", "kind": "temporal", "tubelet_size": 2, **SIZES}


def student(*adaptors: dict) -> ZenForDistillation:
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 2}
    config = ZenConfig(**sizes, image_size=32, initializer_range=0.2, adaptors=list(adaptors))
    return ZenForDistillation(config).eval()


def adaptor(kind: str) -> dict:
    return {"name": kind, "kind": kind, **SIZES, **KINDS[kind]}


def standardisation(method: str, size: int) -> Standardisation:
    moments = StreamingMoments(size)
    moments.update(torch.randn(200, size) @ torch.randn(size, size) * 3 + torch.arange(size))
    return Standardisation.fit(method, moments)


def calibration(method: str) -> Calibration:
    return Calibration(standardisation(method, 12), standardisation(method, 8), dispersion=1.0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_exported_adaptor_equals_the_inverse_of_what_was_trained(kind, method, tmp_path):
    model, pixels, statistics = student(adaptor(kind)), torch.rand(2, 3, 32, 48), calibration(method)
    before = copy.deepcopy(model.state_dict())
    export(model, {kind: statistics}, tmp_path / "model")
    exported = ZenForDistillation.from_pretrained(tmp_path / "model").eval()
    with torch.no_grad():
        trained, found = model(pixels), exported(pixels)
    wanted = statistics.summary.inverse(trained.summaries[kind])
    torch.testing.assert_close(found.summaries[kind], wanted, atol=1e-3, rtol=1e-4)
    wanted = statistics.patches.inverse(trained.patches[kind])
    torch.testing.assert_close(found.patches[kind], wanted, atol=1e-3, rtol=1e-4)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    trunk = AutoModel.from_pretrained(tmp_path / "model").eval()
    assert type(trunk) is ZenModel
    torch.testing.assert_close(trunk(pixels).pooler_output, trained.pooler_output)


def test_temporal_adaptors_stay_behind(tmp_path):
    model, statistics = student(adaptor("ladder"), TEMPORAL), calibration("phis")
    export(model, {"ladder": statistics, "clips": statistics}, tmp_path / "model")
    exported, report = ZenForDistillation.from_pretrained(tmp_path / "model", output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    assert [adaptor["name"] for adaptor in exported.config.adaptors] == ["ladder"]
    assert set(exported.train()(torch.rand(2, 3, 32, 32)).patches) == {"ladder"}
    assert [adaptor["name"] for adaptor in model.config.adaptors] == ["ladder", "clips"]  # can train on


def test_without_another_adaptor_the_folder_holds_a_plain_trunk(tmp_path):
    model, pixels = student(TEMPORAL), torch.rand(1, 3, 32, 32)
    export(model, {"clips": calibration("phis")}, tmp_path / "model")
    trunk, report = AutoModel.from_pretrained(tmp_path / "model", output_loading_info=True)
    assert type(trunk) is ZenModel and trunk.config.adaptors is None
    assert trunk.config.architectures == ["ZenModel"]
    assert not report["missing_keys"] and not report["unexpected_keys"]
    torch.testing.assert_close(trunk.eval()(pixels).pooler_output, model(pixels).pooler_output)


def test_the_mean_is_folded_in_once():
    statistics = standardisation("phis", 8)
    with pytest.raises(ValueError, match="2 of 2 last layers have a bias; expected exactly 1"):
        statistics.fold_into(torch.nn.Linear(4, 8), torch.nn.Linear(4, 8))
    with pytest.raises(ValueError, match="0 of 1 last layers have a bias"):
        statistics.fold_into(torch.nn.Linear(4, 8, bias=False))
