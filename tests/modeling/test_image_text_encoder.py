# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Joint embeddings equal those of transformers' own models, whatever the family, as a teacher and as a candidate."""

import pytest
import torch
from image_text_models import FAMILIES, JOINT, MEAN, STD, TEXT, VISION, save_image_text, save_student
from torch.nn import functional as F
from transformers import (
    BertConfig,
    CLIPConfig,
    DebertaV2Config,
    MPNetConfig,
    Siglip2Config,
    Siglip2Model,
    T5Config,
    ViTImageProcessorPil,
)

from zen_hf.distillation.teachers import TeacherSpec, load_teacher
from zen_hf.distillation.zero_shot_export import export_zero_shot
from zen_hf.modeling.image_text_encoder import ImageTextEncoder, JointFrameEncoder, TextEncoder, has_text_tower
from zen_hf.modeling.text_tower_zen import load_tokenizer

TEXTS = ["a hook", "the grasper is in view of the tissue", "scissors"]


@pytest.fixture(scope="module", params=FAMILIES)
def saved(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("image_text") / request.param
    return request.param, folder, save_image_text(request.param, folder)


def frames() -> torch.Tensor:
    return torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def normalised(images: torch.Tensor) -> torch.Tensor:
    return (images - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


@torch.no_grad()
def test_a_joint_teacher_gives_the_final_embedding(saved):
    family, folder, model = saved
    teacher = load_teacher(TeacherSpec(name="text", source=str(folder), summary="joint"))
    assert teacher.adaptor == {"name": "text", "summary_size": JOINT[family], "patch_size": 40}
    features = teacher(frames(), (4, 4))
    expected = model.get_image_features(pixel_values=normalised(frames()))
    torch.testing.assert_close(features.summary, expected.pooler_output)
    torch.testing.assert_close(features.patches, expected.last_hidden_state[:, -16:])
    assert teacher.encoder.model.whole.text_model is None  # the text half is not kept


def test_the_default_summary_is_what_it_was(saved):
    family, folder, _ = saved
    teacher = load_teacher(TeacherSpec(name="text", source=str(folder)))
    assert teacher.spec.summary == "pooled" and teacher.adaptor["summary_size"] == 40
    joint = load_teacher(TeacherSpec(name="text", source=str(folder), summary="joint"))
    assert teacher.encoder.fingerprint != joint.encoder.fingerprint


@torch.no_grad()
def test_both_halves(saved):
    family, folder, model = saved
    both = ImageTextEncoder.from_pretrained(str(folder))
    torch.testing.assert_close(
        both.frames(frames()).summary, model.get_image_features(pixel_values=normalised(frames())).pooler_output
    )
    padding = {"padding": "max_length", "max_length": 16} if family == "siglip" else {}
    for text, embedding in zip(TEXTS, both.texts(TEXTS), strict=True):  # padding to others changes nothing
        tokens = both.texts.tokenizer([text], return_tensors="pt", **padding)["input_ids"]
        expected = model.get_text_features(input_ids=tokens).pooler_output[0]
        torch.testing.assert_close(embedding, F.normalize(expected, dim=-1), rtol=1e-4, atol=1e-5)
    assert both.texts.scale == pytest.approx(float(torch.tensor(2.0).exp()))


def test_the_image_half_is_the_same_with_and_without_its_text_half(saved):
    both = ImageTextEncoder.from_pretrained(str(saved[1]))
    alone = JointFrameEncoder.from_pretrained(str(saved[1]))
    assert both.frames.fingerprint == alone.fingerprint
    assert not [name for name in both.frames.model.state_dict() if "text" in name or "logit" in name]
    before = both.texts.fingerprint
    with torch.no_grad():
        next(both.texts.model.text_model.parameters()).add_(1)
    again = TextEncoder(both.texts.model, both.texts.tokenizer, "again")  # a fingerprint is computed once
    assert both.frames.fingerprint == alone.fingerprint and again.fingerprint != before == both.texts.fingerprint
    shared = {parameter.data_ptr() for parameter in both.texts.model.parameters()}
    assert {parameter.data_ptr() for parameter in both.frames.model.parameters()} <= shared  # no second copy


def test_a_student_speaks_with_its_teachers_words(saved, tmp_path):
    family, folder, _ = saved
    student = save_student(tmp_path / "student", JOINT[family])
    export_zero_shot(tmp_path / "student", folder, tmp_path / "joined")
    teacher, joined = (
        ImageTextEncoder.from_pretrained(str(folder)),
        ImageTextEncoder.from_pretrained(tmp_path / "joined"),
    )
    torch.testing.assert_close(joined.texts(TEXTS), teacher.texts(TEXTS))
    assert joined.texts.scale == teacher.texts.scale and joined.texts.fingerprint == teacher.texts.fingerprint
    assert joined.frames.fingerprint != teacher.frames.fingerprint
    images = (frames() - joined.frames.mean) / joined.frames.std
    torch.testing.assert_close(joined.frames(frames()).summary, student(images).summaries["text"])
    assert joined.frames.stride == 8 and joined.frames.default_image_size == 32
    assert has_text_tower(str(tmp_path / "joined")) and not has_text_tower(str(tmp_path / "student"))


def test_who_has_a_text_tower(saved, vit_teacher, tmp_path):
    assert has_text_tower(str(saved[1]))
    for none in (str(vit_teacher), str(tmp_path / "nothing"), None):
        assert not has_text_tower(none)


def test_refusals(saved, vit_teacher, tmp_path):
    with pytest.raises(ValueError, match="summary is 'join'; expected one of pooled, joint"):
        TeacherSpec(name="text", source="x", summary="join")
    with pytest.raises(ValueError, match="Dinov2Model.* lacks text_model"):
        load_teacher(TeacherSpec(name="vit", source=str(vit_teacher), summary="joint"))
    with pytest.raises(ValueError, match=r"reads 16 tokens; .* has 22; shorten it"):
        ImageTextEncoder.from_pretrained(str(saved[1])).texts(["hook " * 20])
    save_image_text(saved[0], tmp_path / "mute", tokenizer=False)
    with pytest.raises(ValueError, match="mute has no tokenizer"):
        ImageTextEncoder.from_pretrained(str(tmp_path / "mute"))


def test_images_as_lists_of_patches_are_refused_by_name(tmp_path):
    vision = {key: value for key, value in VISION.items() if key != "image_size"} | {"num_patches": 16}
    model = Siglip2Model(Siglip2Config(text_config=TEXT | {"max_position_embeddings": 16}, vision_config=vision))
    model.save_pretrained(tmp_path)
    ViTImageProcessorPil(image_mean=MEAN, image_std=STD).save_pretrained(tmp_path)
    message = r"Siglip2Model\) takes images as lists of patches, with pixel_attention_mask and spatial_shapes"
    with pytest.raises(ValueError, match=message):
        load_teacher(TeacherSpec(name="text", source=str(tmp_path), summary="joint"))


@pytest.mark.parametrize("config", [T5Config, DebertaV2Config, BertConfig, CLIPConfig, MPNetConfig])
def test_a_made_up_tokenizer_is_refused(config, tmp_path):
    """T5 and DeBERTa are given a few tokens by transformers besides the special ones, but no words; for MPNet it fails."""
    config().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="has no tokenizer"):
        load_tokenizer(tmp_path)
