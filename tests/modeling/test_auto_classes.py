# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A saved ZEN loads through every Auto class and pipeline, with zen-hf and, by its own code, without."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import (
    AutoBackbone,
    AutoConfig,
    AutoImageProcessor,
    AutoModel,
    AutoModelForImageClassification,
    AutoModelForPreTraining,
    pipeline,
)
from transformers.models.auto import auto_factory
from transformers.testing_utils import CaptureLogger
from transformers.utils import logging

from zen_hf import ZenBackbone, ZenConfig, ZenForDistillation, ZenForImageClassification, ZenModel
from zen_hf.modeling import zen_image_processor

TRAVELLING_CODE = {
    "complete_checkpoint_zen.py",
    "configuration_zen.py",
    "conversion_zen.py",
    "image_processor_zen.py",
    "modeling_zen.py",
}


def frame() -> Image.Image:
    """A frame larger than the model's, not square."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Folder of a tiny ZEN for distillation, classification weights beside it: `trunk` and `classifier`."""
    root = tmp_path_factory.mktemp("zen")
    config = ZenConfig(
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=32,
        id2label={0: "grasper", 1: "hook", 2: "scissors"},
        adaptors=[{"name": "teacher", "hidden_size": 16, "summary_size": 8, "patch_size": 8}],
        out_indices=[1, 2],
    )
    torch.manual_seed(0)
    ZenForImageClassification(config).save_pretrained(root / "classifier")
    ZenForDistillation(config).save_pretrained(root / "trunk")
    return root


@pytest.fixture(autouse=True)
def no_question(monkeypatch):
    """Fail where transformers would ask the user whether code may run."""
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("transformers asked a question"))


def test_folder_holds_all_that_travels(folder):
    files = {file.name for file in (folder / "classifier").iterdir()}
    assert files == TRAVELLING_CODE | {"config.json", "model.safetensors", "preprocessor_config.json"}
    files = {file.name for file in (folder / "trunk").iterdir()}
    assert files - TRAVELLING_CODE >= {"modeling_zen_distillation.py"}
    auto_map = json.loads((folder / "classifier" / "config.json").read_text())["auto_map"]
    assert set(auto_map) == {"AutoConfig", "AutoModel", "AutoBackbone", "AutoModelForImageClassification"}
    auto_map = json.loads((folder / "trunk" / "config.json").read_text())["auto_map"]
    assert auto_map["AutoModelForPreTraining"] == "modeling_zen_distillation.ZenForDistillation"


@pytest.mark.parametrize("kind", ["classifier", "trunk"])
def test_auto_classes_build_zen_classes(folder, kind):
    folder = folder / kind
    assert type(AutoConfig.from_pretrained(folder)) is ZenConfig
    assert type(AutoModel.from_pretrained(folder)) is ZenModel
    classifier = AutoModelForImageClassification.from_pretrained(folder)
    assert type(classifier) is ZenForImageClassification
    assert type(AutoBackbone.from_config(AutoConfig.from_pretrained(folder))) is ZenBackbone
    assert ZenBackbone.from_pretrained(folder, out_indices=[0]).out_features == ["stem"]
    processor = AutoImageProcessor.from_pretrained(folder)
    assert processor(frame(), return_tensors="pt")["pixel_values"].shape == (1, 3, 32, 32)


def test_auto_backbone_loads_from_the_hub(folder):
    """`AutoBackbone.from_pretrained` asks the Hub first: a local folder alone never loads, of no model at all."""
    with patch.object(auto_factory, "hf_api") as hub:
        hub.return_value.repo_exists.return_value = True
        backbone = AutoBackbone.from_pretrained(folder / "classifier", out_indices=[1])
    assert type(backbone) is ZenBackbone and backbone.out_features == ["stage1"]
    expected = ZenModel.from_pretrained(folder / "classifier").state_dict()
    for name, tensor in backbone.model.state_dict().items():
        torch.testing.assert_close(tensor, expected[name], rtol=0, atol=0)


def test_auto_model_for_pretraining(folder):
    assert type(AutoModelForPreTraining.from_pretrained(folder / "trunk")) is ZenForDistillation


def told_while_loading(auto_class, folder: Path) -> str:
    """What transformers prints beside a model that it loads."""
    with CaptureLogger(logging.get_logger("transformers.modeling_utils")) as told:
        auto_class.from_pretrained(folder)
    return told.out


@pytest.fixture()
def student_with_strangers(folder, tmp_path) -> Path:
    """A student whose file holds two weights that no class has, one of them in an adaptor."""
    student = shutil.copytree(folder / "trunk", tmp_path / "student")
    strangers = {"stranger.weight": torch.zeros(1), "adaptors.another.weight": torch.zeros(1)}
    weights = load_file(student / "model.safetensors") | strangers
    save_file(weights, student / "model.safetensors", metadata={"format": "pt"})
    return student


def test_a_student_loads_without_a_word_about_its_adaptors(folder, student_with_strangers):
    assert told_while_loading(AutoModel, folder / "trunk") == ""
    assert told_while_loading(ZenBackbone, folder / "trunk") == ""
    assert told_while_loading(AutoModelForPreTraining, folder / "trunk") == ""
    told = told_while_loading(AutoModel, student_with_strangers)
    assert "stranger.weight" in told and "UNEXPECTED" in told and "adaptors" not in told


def test_an_adaptor_that_distillation_does_not_build_is_reported(student_with_strangers):
    told = told_while_loading(AutoModelForPreTraining, student_with_strangers)
    assert "stranger.weight" in told and "adaptors.another.weight" in told and "adaptors.teacher" not in told


def test_adaptors_are_loaded_where_they_are_asked_for(folder):
    saved = load_file(folder / "trunk" / "model.safetensors")
    model, report = AutoModelForPreTraining.from_pretrained(folder / "trunk", output_loading_info=True)
    names = [name for name in saved if name.startswith("adaptors.")]
    assert len(names) > 5 and not any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    for name in names:
        torch.testing.assert_close(model.state_dict()[name], saved[name], rtol=0, atol=0)


def test_pipelines(folder):
    found = pipeline("image-classification", model=str(folder / "classifier"))(frame())
    assert {answer["label"] for answer in found} == {"grasper", "hook", "scissors"}
    assert sum(answer["score"] for answer in found) == pytest.approx(1)
    for kind in ("classifier", "trunk"):
        features = pipeline("image-feature-extraction", model=str(folder / kind))
        assert features(frame(), return_tensors=True).shape == (1, 9, 32)
        assert features(frame(), pool=True, return_tensors=True).shape == (1, 32)


def test_processor_normalises_as_the_configuration_says(tmp_path):
    config = ZenConfig(image_size=48, image_mean=[0.1, 0.2, 0.3], image_deviation=[0.5, 0.25, 0.125])
    config.save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "preprocessor_config.json").read_text())
    assert saved["image_processor_type"] == "ViTImageProcessor" and "auto_map" not in saved
    for processor in (zen_image_processor(config), AutoImageProcessor.from_pretrained(tmp_path)):
        grey = Image.new("RGB", (60, 40), (51, 102, 153))  # 0.2, 0.4, 0.6
        pixels = processor(grey, return_tensors="pt")["pixel_values"]
        assert pixels.shape == (1, 3, 48, 48)
        torch.testing.assert_close(pixels[0, :, 7, 9], torch.tensor([0.2, 0.8, 2.4]))


def test_a_processor_that_is_there_is_kept(tmp_path):
    config = ZenConfig(image_size=48)
    processor = zen_image_processor(config)
    processor.size = {"height": 64, "width": 64}
    processor.save_pretrained(tmp_path)
    config.save_pretrained(tmp_path)
    assert AutoImageProcessor.from_pretrained(tmp_path).size["height"] == 64


WITHOUT_THE_LIBRARY = """
import sys


class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "zen_hf":
            raise ModuleNotFoundError(f"{name} is blocked", name=name)


sys.meta_path.insert(0, Blocker())
import json
from pathlib import Path
from unittest.mock import patch

import torch
from PIL import Image
from transformers import (
    AutoBackbone,
    AutoConfig,
    AutoImageProcessor,
    AutoModel,
    AutoModelForImageClassification,
    AutoModelForPreTraining,
    pipeline,
)
from transformers.models.auto import auto_factory

folder, image = Path(sys.argv[1]), Image.open(sys.argv[2])
remote = {"trust_remote_code": True}
classifier = AutoModelForImageClassification.from_pretrained(folder / "classifier", **remote)
model = AutoModel.from_pretrained(folder / "trunk", **remote)
student = AutoModelForPreTraining.from_pretrained(folder / "trunk", **remote)
config = AutoConfig.from_pretrained(folder / "classifier", **remote)
with patch.object(auto_factory, "hf_api") as hub:
    hub.return_value.repo_exists.return_value = True
    backbone = AutoBackbone.from_pretrained(folder / "classifier", **remote)
processor = AutoImageProcessor.from_pretrained(folder / "classifier")
pixels = processor(image, return_tensors="pt")["pixel_values"]
classify = pipeline("image-classification", model=str(folder / "classifier"), **remote)
extract = pipeline("image-feature-extraction", model=str(folder / "trunk"), **remote)
classifier.save_pretrained(folder / "again")
again = AutoModelForImageClassification.from_pretrained(folder / "again", **remote)
try:
    AutoModel.from_pretrained(folder / "trunk", trust_remote_code=False)
    refused = False
except ValueError as error:
    refused = "trust_remote_code" in str(error)
with torch.no_grad():
    torch.save(
        {
            "logits": classifier(pixels).logits,
            "again": again(pixels).logits,
            "summary": model(pixels).pooler_output,
            "teacher": student(pixels).summaries["teacher"],
            "maps": list(backbone(pixels).feature_maps),
            "scores": {answer["label"]: answer["score"] for answer in classify(image)},
            "extracted": extract(image, return_tensors=True),
        },
        sys.argv[3],
    )
homes = {type(thing).__module__ for thing in (classifier, model, student, config, backbone, again, classify.model)}
print(json.dumps({"homes": sorted(homes), "refused": refused, "library": "zen_hf" in sys.modules}))
"""


def test_without_the_library(folder, tmp_path):
    """A fresh process that cannot import zen_hf computes the same, from the folder's own code."""
    frame().save(tmp_path / "frame.png")
    script = tmp_path / "script.py"
    script.write_text(WITHOUT_THE_LIBRARY)
    environment = os.environ | {"HF_MODULES_CACHE": str(tmp_path / "modules"), "HF_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-I", script, folder, tmp_path / "frame.png", tmp_path / "outputs.pt"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "adaptors" not in done.stderr, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["refused"] and not told["library"]
    assert told["homes"] and all(home.startswith("transformers_modules.") for home in told["homes"])

    found = torch.load(tmp_path / "outputs.pt")
    processor = AutoImageProcessor.from_pretrained(folder / "classifier")
    pixels = processor(frame(), return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        logits = ZenForImageClassification.from_pretrained(folder / "classifier")(pixels).logits
        trunk = ZenModel.from_pretrained(folder / "trunk")(pixels)
        student = ZenForDistillation.from_pretrained(folder / "trunk")(pixels)
        maps = ZenBackbone.from_pretrained(folder / "classifier")(pixels).feature_maps
    torch.testing.assert_close(found["logits"], logits)
    torch.testing.assert_close(found["again"], logits)
    torch.testing.assert_close(found["summary"], trunk.pooler_output)
    torch.testing.assert_close(found["extracted"], trunk.last_hidden_state)
    torch.testing.assert_close(found["teacher"], student.summaries["teacher"])
    torch.testing.assert_close(found["maps"], list(maps))
    names = {0: "grasper", 1: "hook", 2: "scissors"}
    for index, score in enumerate(logits.softmax(-1)[0].tolist()):
        assert found["scores"][names[index]] == pytest.approx(score, abs=1e-4)
