# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The recipe in its smallest form, its cosines by hand, and a run of another image-text model in one line."""

import json

import numpy as np
import pytest
import yaml
from image_text_models import save_image_text
from PIL import Image
from transformers import pipeline

from zen_hf.benchmark.feature_cache import VideoFeatures
from zen_hf.recipe_configuration import load_recipe
from zen_hf.recipes import zero_shot_text as module
from zen_hf.recipes.zero_shot_text import PROMPTS, ZeroShotTextRecipe, cosines, own_size, zero_shot_text

SMALL = [
    "seen.videos=6",
    "seen.frames=4",
    "unseen={new operations: {videos: 3, frames: 4}, a new procedure: {procedures: [cholecystectomy], videos: 2, frames: 6}}",
    "image_text_steps=3",
    "image_text_batch_size=8",
    "teacher_steps={what: 2, where: 2, far: 2}",
    "student_steps=3",
    "student_batch_size=4",
    "student.config={patch_size: 8, hidden_size: 32, intermediate_size: 48, num_hidden_layers: 1, num_attention_heads: 2}",
]


def config(tmp_path, *changes: str) -> ZeroShotTextRecipe:
    recipe = PROMPTS.with_name("zero_shot_text.yaml")
    return load_recipe(ZeroShotTextRecipe, recipe, [f"output={tmp_path / 'run'}", *SMALL, *changes])


def test_cosines_by_hand():
    def features(*rows):
        return {"A": VideoFeatures(np.array(rows, np.float32), np.zeros((len(rows), 1), np.float32))}

    teacher = features((2, 0), (0, 1))  # unit vectors (1, 0) and (0, 1) with the mean (0.5, 0.5)
    found = cosines(teacher, features((0, 3), (0, 1)))
    assert found["cosine"] == pytest.approx(0.5)
    assert found["centred"] == pytest.approx(0.0)
    assert found["without_student"] == pytest.approx(np.sqrt(0.5))
    assert cosines(teacher, teacher)["centred"] == pytest.approx(1.0)


def test_teacher_student_and_chance_on_what_nobody_saw(tmp_path, capsys):
    summary = zero_shot_text(config(tmp_path))
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["readings"] == summary["readings"]
    assert set(summary["readings"]) == {"new operations", "a new procedure"}
    for reading in summary["readings"].values():
        for target in ("phase", "tool"):
            found = reading["scores"][target]
            assert set(found) == {"teacher", "student", "chance"}
            for name in ("teacher", "student"):
                assert set(found[name]) == {"text", "text_set0", "text_set1", "text_set2"}
    assert "tool in a new procedure" in capsys.readouterr().out
    classify = pipeline("zero-shot-image-classification", model=str(tmp_path / "run" / "zero_shot"))
    found = classify(Image.new("RGB", (80, 60)), candidate_labels=["hook", "grasper"], hypothesis_template="a {}")
    assert {answer["label"] for answer in found} == {"hook", "grasper"}
    training_data = json.loads((tmp_path / "run" / "zero_shot" / "training_data.json").read_text())
    assert training_data == json.loads(
        (tmp_path / "run" / "distillation" / "model" / "training_data.json").read_text()
    )


def test_a_given_model_hears_frames_of_its_own_size(tmp_path):
    save_image_text("siglip", tmp_path / "siglip")  # made for 32 pixels
    assert own_size(str(tmp_path / "siglip")) == 32
    file = tmp_path / "siglip" / "preprocessor_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"size": {"height": 37, "width": 37}}))
    assert own_size(str(tmp_path / "siglip")) == 32  # patches of 8 pixels leave 5 unseen, as in SigLIP's 384 with 14


@pytest.mark.slow
def test_another_image_text_model_is_one_line(tmp_path, monkeypatch):
    save_image_text("siglip", tmp_path / "siglip")
    monkeypatch.setattr(
        module, "train_tiny_image_text", lambda *_, **__: pytest.fail("trained although one was given")
    )
    line = f"image_text={tmp_path / 'siglip'}"
    summary = zero_shot_text(config(tmp_path, line))
    distillation = yaml.safe_load((tmp_path / "run" / "distillation" / "config.yaml").read_text())
    assert distillation["teachers"][-1]["image_size"] == 32 and distillation["teachers"][-1]["resolution"] == "native"
    assert summary["readings"]["new operations"]["cosines"]["cosine"] <= 1
    tower = json.loads((tmp_path / "run" / "zero_shot" / "config.json").read_text())["text_tower"]
    assert tower["config"]["architectures"] == ["SiglipTextModel"] and tower["padded_length"] == 16
