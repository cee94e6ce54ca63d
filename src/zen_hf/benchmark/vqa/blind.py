# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Answers that no picture was looked at for: what every score of a question-answering task stands beside.

Questions made from templates give much away. "majority" is the most frequent training answer; "question_majority" the most
frequent one to the very same question, or to the one that shares the most words with it; "question_only" is the fusion
itself, whose patch tokens are a learned constant. It always trains by the policy of `train`: as the seeing fusion under
`frozen` and `few_shot`, but not as the one under `lora`, `dora` and `full`, which has the epochs, rates and augmentation of
the trunk's training.
"""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..constant_predictions import constant_logits, training_shares
from ..exam import Exam, FoldLabels, Predictions
from ..protocols.tuned_part import TunedPart
from ..task import Target
from .question_encoder import EncodedQuestions, QuestionEncoder
from .questions import AskedFrames, AskedVideo, answer_target, asked, asked_hash, nearest_question, take_apart
from .train import policy, train

if TYPE_CHECKING:
    from ..evaluation import Conditions

BLIND = ("majority", "question_majority", "question_only")


def blind_predictions(exam: Exam, conditions: "Conditions") -> list[Predictions]:
    """Predict all test videos without pictures, in the three ways of `BLIND`.

    Args:
        exam: a question-answering task's data.
        conditions: its text encoder; of its seeds, the first one is used.

    Raises:
        ValueError: if the task asks no question, or no text encoder is named.
    """
    target, apart, text = answer_target(exam), take_apart(exam), required_text_encoder(exam, conditions)
    seed = conditions.seeds[0]
    majority, question_majority, question_only, chosen = {}, {}, {}, []
    for fold in exam.folds:
        majority |= most_frequent(target, fold, apart)
        question_majority |= most_frequent_by_question(target, fold, apart)
        logits, settings = kept_without_picture(target, fold, apart, text, seed, conditions.cache_dir)
        question_only |= logits
        chosen.append(settings)
    return [
        Predictions(target.name, "majority", "constant", majority, []),
        Predictions(target.name, "question_majority", "constant", question_majority, []),
        Predictions(target.name, "question_only", f"seed {seed}", question_only, chosen),
    ]


def required_text_encoder(exam: Exam, conditions: "Conditions") -> QuestionEncoder:
    """The text encoder that was asked for.

    Raises:
        ValueError: if none was; nothing is downloaded that was not named.
    """
    if conditions.text_encoder is None:
        raise ValueError(
            f"{exam.task.name} asks questions, which a text encoder reads; name one with --text-encoder (a Hub id such as "
            "google-bert/bert-base-uncased, or a folder with config.json, model.safetensors and a tokenizer)."
        )
    return loaded_once(conditions.text_encoder)


@lru_cache(maxsize=1)
def loaded_once(name: str) -> QuestionEncoder:
    """An encoder of questions, read once for all candidates and protocols of a run.

    Args:
        name: folder or Hub id, the latter with `@` and a commit, tag or branch where that matters.
    """
    model, _, revision = (name, "", "") if Path(name).exists() else name.partition("@")
    return QuestionEncoder.from_pretrained(model, revision or None)


def most_frequent(target: Target, fold: FoldLabels, apart: AskedFrames) -> dict[str, np.ndarray]:
    """Log-shares of the training answers, for every row of the test videos."""
    logits = constant_logits(target, training_shares(target, fold)).astype(np.float32)
    return {video: np.tile(logits, (len(apart.rows[video].question), 1)) for video in fold.fold.test}


def most_frequent_by_question(target: Target, fold: FoldLabels, apart: AskedFrames) -> dict[str, np.ndarray]:
    """Log-shares of the training answers to the same question, for every row of the test videos.

    A question that was not trained on counts as the one that shares the most words with it; without any, all answers count.
    """
    labels = fold.train[target.name]
    counts = np.zeros((len(apart.questions), len(target.labels)))
    for video, truth in labels.items():
        np.add.at(counts, (apart.rows[video].question, truth), 1)
    trained = [apart.questions[place] for place in np.flatnonzero(counts.sum(axis=1))]
    places = {question: place for place, question in enumerate(apart.questions)}
    found = {}
    for video in fold.fold.test:
        asked_here, row_of = np.unique(apart.rows[video].question, return_inverse=True)
        nearest = [nearest_question(apart.questions[place], trained) for place in asked_here]
        counted = np.stack([counts.sum(axis=0) if near is None else counts[places[near]] for near in nearest])
        shares = counted / counted.sum(axis=1, keepdims=True)
        found[video] = constant_logits(target, shares).astype(np.float32)[row_of]
    return found


def kept_without_picture(
    target: Target, fold: FoldLabels, apart: AskedFrames, text: QuestionEncoder, seed: int, cache_dir: Path
) -> tuple[dict[str, np.ndarray], dict]:
    """`without_picture`, kept in the cache: it is the same beside every encoder and protocol."""
    labels = {"train": fold.train[target.name], "val": fold.val[target.name]}
    key = {
        "asked": asked_hash(apart, fold),
        "labels": {side: {video: truth.tolist() for video, truth in of.items()} for side, of in labels.items()},
        "fold": {side: list(videos) for side, videos in fold.fold.sides.items()},
        "answers": list(target.labels),
        "text_encoder": text.fingerprint,
        "seed": seed,
        "policy": policy(),
    }
    stored = TunedPart(Path(cache_dir) / "blind", "question_only", key)
    found = stored.read()
    if found is None:
        found = [
            ("question_only", target.name, without_picture(target, fold, apart, text.encode(apart.questions), seed))
        ]
        stored.write(found)
    return found[0][2]


def without_picture(
    target: Target, fold: FoldLabels, apart: AskedFrames, questions: EncodedQuestions, seed: int
) -> tuple[dict[str, np.ndarray], dict]:
    """Logits of the test videos by a fusion that sees no picture, and what was chosen for it."""
    videos = [asked(side[target.name], apart.rows) for side in (fold.train, fold.val)]
    trained = train(target, questions, *videos, [seed])[0]
    tested = [AskedVideo(video, apart.rows[video]) for video in fold.fold.test]
    return {video.video: trained.head.logits(video) for video in tested}, trained.chosen
