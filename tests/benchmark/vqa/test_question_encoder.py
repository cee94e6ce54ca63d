# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A text encoder gives what its model gives, of each question by itself, and is refused where it could not read."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoTokenizer,
    BertModel,
    CLIPConfig,
    CLIPModel,
    SiglipConfig,
    SiglipModel,
    ViTConfig,
    ViTModel,
)

from zen_hf.benchmark.vqa import question_encoder
from zen_hf.benchmark.vqa.question_encoder import QuestionEncoder

WEIGHTS = "model.safetensors"


@pytest.fixture
def copied(text_folder, tmp_path) -> Path:
    return Path(shutil.copytree(text_folder, tmp_path / "copy"))


def test_states_are_those_of_the_model(text_folder):
    model, tokenizer = BertModel.from_pretrained(text_folder).eval(), AutoTokenizer.from_pretrained(text_folder)
    long, short = "which colour is on the left ?", "is this a frame"
    encoded = QuestionEncoder.from_pretrained(text_folder).encode([short, long, short])
    assert encoded.mask.sum(dim=1).tolist() == [6, 9, 6] and encoded.tokens.shape == (3, 9, 32)
    with torch.no_grad():
        for text, tokens, mask in zip((short, long), encoded.tokens, encoded.mask, strict=False):
            expected = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
            torch.testing.assert_close(tokens[mask], expected)
    assert not encoded.tokens[0, 6:].any()


def test_a_question_is_encoded_once_and_by_itself(text_folder, monkeypatch):
    encoder, calls = QuestionEncoder.from_pretrained(text_folder), []
    states_of = QuestionEncoder.states_of
    monkeypatch.setattr(QuestionEncoder, "states_of", lambda self, text: calls.append(text) or states_of(self, text))
    alone = encoder.encode(["is this a frame"]).tokens
    together = encoder.encode(["which colour is on the left", "is this a frame"]).tokens
    assert calls == ["is this a frame", "which colour is on the left"]
    assert torch.equal(alone[0], together[1, :6])


def test_text_tower_of_an_image_text_model(text_folder, tmp_path):
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    words = {"vocab_size": 14, "bos_token_id": 2, "eos_token_id": 3, "max_position_embeddings": 16}
    config = CLIPConfig(text_config=shape | words, vision_config=shape | {"image_size": 32, "patch_size": 16})
    CLIPModel(config).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(text_folder).save_pretrained(tmp_path)
    encoder = QuestionEncoder.from_pretrained(str(tmp_path))
    assert encoder.hidden_size == 16 and encoder.longest == 16
    assert encoder.encode(["is this a frame"]).tokens.shape == (1, 6, 16)
    assert not any("vision" in name for name, _ in encoder.model.named_modules())


def test_siglip_reads_text_that_is_filled_up(text_folder, tmp_path):
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    words = {"vocab_size": 14, "bos_token_id": 2, "eos_token_id": 3, "max_position_embeddings": 10}
    config = SiglipConfig(text_config=shape | words, vision_config=shape | {"image_size": 32, "patch_size": 16})
    model = SiglipModel(config).eval()
    model.save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(text_folder)
    tokenizer.save_pretrained(tmp_path)
    encoded = QuestionEncoder.from_pretrained(tmp_path).encode(["is this a frame"])
    ids = torch.tensor([tokenizer("is this a frame")["input_ids"] + [0] * 4])
    with torch.no_grad():
        torch.testing.assert_close(encoded.tokens, model.text_model(ids).last_hidden_state)
    assert encoded.mask.all()


def test_fingerprint_tells_weights_and_words(text_folder, copied, write_text_encoder, tmp_path):
    before = QuestionEncoder.from_pretrained(text_folder).fingerprint
    assert QuestionEncoder.from_pretrained(copied).fingerprint == before
    assert QuestionEncoder.from_pretrained(write_text_encoder(tmp_path / "other", seed=1)).fingerprint != before
    file = copied / "tokenizer.json"
    file.write_text(file.read_text().replace('"left"', '"up"'))
    assert QuestionEncoder.from_pretrained(copied).fingerprint != before


def test_the_weights_are_hashed_once(text_folder, monkeypatch):
    encoder, hashed = QuestionEncoder.from_pretrained(text_folder), []
    monkeypatch.setattr(question_encoder, "text_fingerprint", lambda *given: hashed.append(given) or "f")
    assert (encoder.fingerprint, encoder.fingerprint, len(hashed)) == ("f", "f", 1)


def test_without_a_tokenizer_it_is_refused(copied):
    for file in copied.glob("*token*"):
        file.unlink()
    with pytest.raises(ValueError, match="copy has no tokenizer.*it was trained with"):
        QuestionEncoder.from_pretrained(copied)


def test_image_text_model_without_a_tokenizer_is_refused(tmp_path):
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    words = {"vocab_size": 14, "bos_token_id": 2, "eos_token_id": 3}
    config = CLIPConfig(text_config=shape | words, vision_config=shape | {"image_size": 32, "patch_size": 16})
    CLIPModel(config).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="has no tokenizer"):
        QuestionEncoder.from_pretrained(tmp_path)


def test_incomplete_weights_are_refused_and_a_missing_pooler_is_not(text_folder, copied):
    tensors = load_file(copied / WEIGHTS)
    kept = {name: value for name, value in tensors.items() if not name.startswith("pooler.")}
    assert len(kept) < len(tensors)
    save_file(kept, copied / WEIGHTS, metadata={"format": "pt"})
    question = ["is this a frame"]
    found, again, whole = (QuestionEncoder.from_pretrained(folder) for folder in (copied, copied, text_folder))
    assert torch.equal(found.encode(question).tokens, whole.encode(question).tokens)
    assert found.fingerprint == again.fingerprint  # no random pooler in it
    kept.pop("encoder.layer.1.output.dense.weight")
    save_file(kept, copied / WEIGHTS, metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"lacks 1 weights.*layer\.1\.output\.dense\.weight"):
        QuestionEncoder.from_pretrained(copied)


def test_what_reads_no_text_is_refused(copied, tmp_path):
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    ViTModel(ViTConfig(**shape, image_size=32, patch_size=16)).save_pretrained(tmp_path / "vit")
    with pytest.raises(ValueError, match="ViTModel.*takes pixel_values, not text"):
        QuestionEncoder.from_pretrained(tmp_path / "vit")
    with pytest.raises(FileNotFoundError, match="no text encoder could be loaded"):
        QuestionEncoder.from_pretrained(tmp_path / "nothing")


def test_tokenizer_of_another_model_is_refused(copied):
    file = copied / "tokenizer.json"
    content = json.loads(file.read_text())
    content["model"]["vocab"]["liver"] = 14
    file.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="its tokenizer has 15 tokens and its model 14"):
        QuestionEncoder.from_pretrained(copied)


@pytest.mark.parametrize("questions", [[], ["  "], ["is this a frame " * 5]])
def test_questions_that_cannot_be_read_are_refused(text_folder, questions):
    with pytest.raises(ValueError, match="no question to encode|expected text of 1 to 16"):
        QuestionEncoder.from_pretrained(text_folder).encode(questions)
