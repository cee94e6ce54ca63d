# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What cannot be tuned is refused by its configuration alone, before a weight is read."""

import json
import sys
from pathlib import Path

import pytest
from torch import nn
from transformers import (
    AutoModelForImageClassification,
    CLIPConfig,
    ConvNextConfig,
    Dinov2Config,
    DINOv3ViTConfig,
    SamConfig,
    SwinConfig,
    ViTConfig,
    ViTForImageClassification,
)

from zen_hf.benchmark.tuning import classifier
from zen_hf.benchmark.tuning.classifier import load_classifier, require_tunable

REMOTE = """
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel

class OwnConfig(PreTrainedConfig):
    model_type = "own"

class Own(PreTrainedModel):
    config_class, base_model_prefix, main_input_name = OwnConfig, "trunk", "pixel_values"
    def __init__(self, config):
        super().__init__(config)
        self.convolution, self.classifier = nn.Conv2d(3, 4, 16), nn.Linear(4, config.num_labels)
        self.post_init()
"""


@pytest.fixture
def folder(checkpoints, tmp_path, monkeypatch):
    """Checkpoints of which only the configuration lies there; nothing may be built with memory."""
    build = AutoModelForImageClassification.from_config

    def watched(*arguments, **options):
        model = build(*arguments, **options)
        assert {parameter.device.type for parameter in model.parameters()} == {"meta"}
        return model

    monkeypatch.setattr(classifier.AutoModelForImageClassification, "from_config", watched)

    def of(config):
        if isinstance(config, str):
            (tmp_path / "config.json").write_text((Path(checkpoints[config]) / "config.json").read_text())
        else:
            config.save_pretrained(tmp_path)
        return str(tmp_path)

    return of


@pytest.mark.parametrize("family", ["zen", "dinov2", "mobilenet", "resnet"])
def test_what_can_be_tuned_passes_without_weights(folder, family):
    assert require_tunable(folder(family)) is None


@pytest.mark.parametrize("config", [SwinConfig, ConvNextConfig, CLIPConfig, Dinov2Config])
def test_other_architectures_pass_too(folder, config):
    require_tunable(folder(config(num_labels=0) if config is Dinov2Config else config()))


@pytest.mark.parametrize("config", [DINOv3ViTConfig, SamConfig])
def test_architectures_without_a_classifier_are_refused(folder, config):
    with pytest.raises(ValueError, match=f"{config.model_type!r} has no class for AutoModelForImageClassification"):
        require_tunable(folder(config()))


def test_a_second_part_beside_the_trunk_is_refused(folder, monkeypatch):
    build = ViTForImageClassification.__init__

    def with_second(self, config):
        build(self, config)
        self.second = nn.Linear(2, 2)

    monkeypatch.setattr(ViTForImageClassification, "__init__", with_second)
    with pytest.raises(ValueError, match=r"parts \['classifier', 'second'\] beside its trunk"):
        require_tunable(folder(ViTConfig()))


def test_models_of_timm_are_refused_by_name(folder, tmp_path):
    pytest.importorskip("timm", reason="needs timm")
    (tmp_path / "config.json").write_text(
        json.dumps({"architecture": "resnet18", "num_classes": 3, "pretrained_cfg": {"tag": "mine"}})
    )
    for refuse in (require_tunable, lambda name: load_classifier(name, [])):
        with pytest.raises(ValueError, match="model of timm, which keeps its classifier inside its trunk"):
            refuse(str(tmp_path))


def test_a_name_of_timm_is_looked_up_as_everywhere(monkeypatch):
    monkeypatch.setattr(classifier, "hub_name", lambda name: f"nowhere/{name}")
    for refuse in (require_tunable, lambda name: load_classifier(name, [])):
        with pytest.raises(FileNotFoundError, match="nowhere/resnet18: no model could be loaded"):
            refuse("resnet18")


def test_own_code_runs_with_permission_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(sys, "path", sys.path[:])
    (tmp_path / "own.py").write_text(REMOTE)
    auto = {"AutoConfig": "own.OwnConfig", "AutoModelForImageClassification": "own.Own"}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "own", "auto_map": auto}))
    with pytest.raises(ValueError, match="Own keeps its classifier inside its trunk"):
        require_tunable(str(tmp_path), trust_remote_code=True)
    with pytest.raises(ValueError, match="trust_remote_code"):
        require_tunable(str(tmp_path))


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent: no model could be loaded"):
        require_tunable(str(tmp_path / "absent"))
