# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Two-coloured frames with questions that only the picture answers, and a tiny text encoder."""

from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast, ViTImageProcessorPil

from zen_hf.benchmark.exam import set_exam
from zen_hf.benchmark.metrics.closed_answers.closed_answers import ClosedAnswers
from zen_hf.benchmark.readers.source import Source
from zen_hf.benchmark.split import Fold, Split
from zen_hf.benchmark.task import ANSWER_HEADS, Target, Task
from zen_hf.benchmark.vqa import fusion
from zen_hf.benchmark.vqa import train as training
from zen_hf.modeling.configuration_zen import ZenConfig
from zen_hf.modeling.modeling_zen import ZenModel

QUESTIONS = ("which colour is on the left ?", "which colour is on the right ?", "is this a frame ?")
ANSWERS = ("red", "green", "yes", "never")
VIDEOS = ("a", "b", "c", "d")
COLOURS = np.array([[200, 30, 30], [30, 180, 30]])
WORDS = (
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "which",
    "colour",
    "is",
    "on",
    "the",
    "left",
    "right",
    "this",
    "a",
    "frame",
)


def two_coloured(videos=VIDEOS, frames=12, seed=0) -> datasets.Dataset:
    """Rows of (frame, question): each half of a frame is red or green, all four pairs equally often in every video."""
    random = np.random.default_rng(seed)
    rows = []
    for video in videos:
        pairs = random.permutation(np.arange(frames) % 4)
        for second, pair in enumerate(pairs):
            sides = (pair // 2, pair % 2)
            pixels = random.integers(0, 50, (16, 24, 3)) + np.repeat(COLOURS[list(sides)], 12, axis=0)[None]
            place = {"image": Image.fromarray(pixels.astype(np.uint8)), "video_id": video}
            place |= {"frame": 7 * second, "time_s": 7.0 * second}
            rows += [
                place | {"question": question, "answer": answer}
                for question, answer in zip(QUESTIONS, (*sides, 2), strict=True)
            ]
    return datasets.Dataset.from_list(rows).cast_column("image", datasets.Image())


def colour_task(**changed) -> Task:
    types = {"colour": (0, 1), "frame": (2,)}
    answer = Target("answer", "single_label", ANSWERS, ClosedAnswers, "accuracy", settings={"types": types})
    source = Source("drawn", "drawn frames", "none", fps=1.0, files=(), patient=str)
    given = {"name": "drawn_vqa", "source": source, "reader": None, "split": "drawn", "targets": (answer,)}
    given |= {"heads": ANSWER_HEADS, "question": "question", "few_shot": {1: ()}}
    return Task(**given | changed)


def split_of(*folds: Fold) -> Split:
    return Split("drawn", "ours", "video", folds, "0" * 64)


@pytest.fixture(scope="session")
def two_coloured_rows():
    return two_coloured()


@pytest.fixture(scope="session")
def make_rows():
    return two_coloured


@pytest.fixture(scope="session")
def make_exam(two_coloured_rows):
    """An exam with one fold: train a and b, choose on c, test on d."""

    def make(rows=two_coloured_rows, val=("c",), train=("a", "b"), **changed):
        return set_exam(colour_task(**changed), rows, split_of(Fold(train=train, test=("d",), val=val)))

    return make


def save_text_encoder(folder: Path, seed: int = 0) -> str:
    """A BERT of two layers with a word tokenizer."""
    torch.manual_seed(seed)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    model = BertModel(BertConfig(vocab_size=len(WORDS), max_position_embeddings=16, **shape))
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    tokenizer = Tokenizer(models.WordPiece({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=16, **names).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def text_folder(tmp_path_factory) -> str:
    return save_text_encoder(tmp_path_factory.mktemp("text") / "bert")


@pytest.fixture
def write_text_encoder():
    return save_text_encoder


@pytest.fixture(scope="session")
def zen_folder(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("trunk") / "zen"
    torch.manual_seed(0)
    shape = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
    model = ZenModel(ZenConfig(**shape, image_size=32, patch_size=8, num_register_tokens=1))
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.15)
    model.save_pretrained(folder)
    ViTImageProcessorPil(image_mean=[0.5] * 3, image_std=[0.25] * 3).save_pretrained(folder)
    return str(folder)


@pytest.fixture
def short_training(monkeypatch):
    """A narrow fusion, few steps, one rate; small frames and few questions need no more."""
    monkeypatch.setattr(fusion, "WIDTH", 32)
    monkeypatch.setattr(training, "TOKEN_GRID", 2)
    monkeypatch.setattr(training, "STEPS", 48)
    monkeypatch.setattr(training, "BATCH", 36)
    monkeypatch.setattr(training, "RATES", (3e-3,))
    monkeypatch.setattr(training, "DEFAULT_RATE", 3e-3)
