# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A student with its teacher's text tower: what transformers' own models give, in one folder that every pipeline loads."""

import json

import numpy as np
import pytest
import torch
from huggingface_hub.errors import StrictDataclassClassValidationError
from image_text_models import FAMILIES, JOINT, save_image_text, save_student, word_tokenizer
from PIL import Image
from torch.nn import functional as F
from transformers import AutoModel, AutoModelForZeroShotImageClassification, AutoTokenizer, pipeline

from zen_hf import ZenConfig, ZenForDistillation, ZenForZeroShotImageClassification, ZenModel
from zen_hf.distillation.zero_shot_export import export_zero_shot

TEXTS = ["a hook", "the grasper is in view of the tissue"]


@pytest.fixture(scope="module", params=FAMILIES)
def made(request, tmp_path_factory):
    """A teacher, a student and the folder that joins them."""
    root = tmp_path_factory.mktemp(request.param)
    teacher = save_image_text(request.param, root / "teacher")
    kind = "ladder" if request.param == "siglip" else "mlp"
    student = save_student(root / "student", JOINT[request.param], kind=kind)
    export_zero_shot(root / "student", root / "teacher", root / "joined")
    return request.param, teacher, student, root


def tokens(padded: bool) -> dict:
    padding = {"padding": "max_length", "max_length": 16} if padded else {"padding": True}
    inputs = word_tokenizer()(TEXTS, return_tensors="pt", **padding)
    return {"input_ids": inputs["input_ids"]} if padded else {k: inputs[k] for k in ("input_ids", "attention_mask")}


def pixels(count: int = 3) -> torch.Tensor:
    return torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_texts_are_the_teachers_and_images_the_students(made):
    """Logits equal those computed from the teacher's own text features and the student's own adaptor."""
    family, teacher, student, root = made
    model = AutoModelForZeroShotImageClassification.from_pretrained(root / "joined")
    assert type(model) is ZenForZeroShotImageClassification
    # SigLIP's own documentation: pad to the full length, mask nothing
    texts = teacher.get_text_features(**tokens(padded=family == "siglip")).pooler_output
    images = student(pixels()).summaries["text"]
    output = model(pixel_values=pixels(), **tokens(padded=False))
    torch.testing.assert_close(output.text_embeds, F.normalize(texts, dim=-1))
    torch.testing.assert_close(output.image_embeds, F.normalize(images, dim=-1))
    bias = -3.0 if family == "siglip" else 0.0
    expected = np.exp(2.0) * F.cosine_similarity(images[:, None], texts[None], dim=-1) + bias
    torch.testing.assert_close(output.logits_per_image, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(output.logits_per_text, output.logits_per_image.T)


@torch.no_grad()
def test_saved_and_reloaded(made, tmp_path):
    root = made[3]
    model = ZenForZeroShotImageClassification.from_pretrained(root / "joined")
    model.save_pretrained(tmp_path)
    again = ZenForZeroShotImageClassification.from_pretrained(tmp_path)
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, again.state_dict()[name], rtol=0, atol=0)
    assert again.config.text_tower == model.config.text_tower


def test_an_adaptor_that_it_does_not_build_is_reported(made, tmp_path):
    model = ZenForZeroShotImageClassification.from_pretrained(made[3] / "joined")
    model.save_pretrained(tmp_path, state_dict=model.state_dict() | {"adaptors.another.weight": torch.zeros(1)})
    _, report = ZenForZeroShotImageClassification.from_pretrained(tmp_path, output_loading_info=True)
    assert set(report["unexpected_keys"]) == {"adaptors.another.weight"} and not report["missing_keys"]


def test_the_folder_still_holds_trunk_and_adaptor(made):
    _, _, student, root = made
    trunk = AutoModel.from_pretrained(root / "joined")
    assert type(trunk) is ZenModel
    torch.testing.assert_close(trunk(pixels()).pooler_output, student(pixels()).pooler_output)
    distilled = ZenForDistillation.from_pretrained(root / "joined")
    torch.testing.assert_close(distilled(pixels()).summaries["text"], student(pixels()).summaries["text"])
    assert len(AutoTokenizer.from_pretrained(root / "joined")) == len(word_tokenizer())


def test_the_code_travels_with_the_folder(made):
    folder = made[3] / "joined"
    own = {f"modeling_zen{part}.py" for part in ("", "_distillation", "_zero_shot")} | {"configuration_zen.py"}
    assert own <= {file.name for file in folder.iterdir()}
    auto_map = json.loads((folder / "config.json").read_text())["auto_map"]
    assert auto_map["AutoModelForZeroShotImageClassification"].startswith("modeling_zen_zero_shot.")


@torch.no_grad()
def test_pipeline(made):
    family, teacher, student, root = made
    classify = pipeline("zero-shot-image-classification", model=str(root / "joined"))
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    found = classify(Image.fromarray(noise), candidate_labels=["hook", "grasper"], hypothesis_template="a {}")
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    image = (torch.from_numpy(noise).permute(2, 0, 1) / 255 - mean) / std
    padding = {"padding": "max_length", "max_length": 16} if family == "siglip" else {}
    inputs = word_tokenizer()(["a hook", "a grasper"], return_tensors="pt", **padding)
    texts = teacher.get_text_features(input_ids=inputs["input_ids"]).pooler_output
    logits = np.exp(2.0) * F.cosine_similarity(student(image[None]).summaries["text"], texts)
    expected = dict(zip(["hook", "grasper"], logits.softmax(0).tolist(), strict=True))
    assert {answer["label"]: answer["score"] for answer in found} == pytest.approx(expected, abs=1e-4)


def test_without_a_tokenizer_the_folder_is_not_made(tmp_path):
    save_student(tmp_path / "student", JOINT["clip"])
    for family in FAMILIES:  # for CLIP, transformers makes up a tokenizer without words
        save_image_text(family, tmp_path / family, tokenizer=False)
        with pytest.raises(ValueError, match="has no tokenizer"):
            export_zero_shot(tmp_path / "student", tmp_path / family, tmp_path / "joined")
    assert not (tmp_path / "joined").exists()


def test_a_student_of_another_space_is_refused(made, tmp_path):
    root = made[3]
    save_student(tmp_path / "student", 9)
    with pytest.raises(ValueError, match="0 adaptors have the size .* distil that teacher with `summary: joint`"):
        ZenForZeroShotImageClassification.from_distilled(tmp_path / "student", root / "teacher")
    with pytest.raises(ValueError, match="0 adaptors named 'other' have the size"):
        ZenForZeroShotImageClassification.from_distilled(root / "student", root / "teacher", adaptor="other")


def test_texts_and_images_are_both_needed(made):
    model = ZenForZeroShotImageClassification.from_pretrained(made[3] / "joined")
    with pytest.raises(ValueError, match="pass both"):
        model(pixel_values=pixels())


def test_too_long_texts_are_refused_where_the_length_is_fixed(made):
    model = ZenForZeroShotImageClassification.from_pretrained(made[3] / "joined")
    if made[0] == "siglip":
        with pytest.raises(ValueError, match="texts have 17 tokens; the text tower takes at most 16"):
            model.get_text_features(torch.ones(1, 17, dtype=torch.long))


def test_configuration_names_what_is_wrong(made):
    root = made[3]
    with pytest.raises(ValueError, match="needs config.text_tower"):
        ZenForZeroShotImageClassification(ZenConfig.from_pretrained(root / "student"))
    tower = json.loads((root / "joined" / "config.json").read_text())["text_tower"]
    with pytest.raises(
        StrictDataclassClassValidationError, match="speaks to the adaptor 'text'; the adaptors of frames are"
    ):
        ZenConfig(text_tower=tower)
    with pytest.raises(StrictDataclassClassValidationError, match="text_tower has the keys"):
        ZenConfig(text_tower={"adaptor": "text"})
