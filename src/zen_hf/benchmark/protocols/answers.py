# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Closed questions about frames under every protocol.

`frozen` and `few_shot` train the fusion on cached tokens, `lora`, `dora` and `full` the trunk with it, and in `zero_shot`
the training rows vote. Beside `fusion@k` stand `question_only@k`, `question_majority@k` and `majority@k` of the same k videos:
what was learnt from all of them is no fair match for few.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..candidate import Candidate
from ..exam import Exam, FoldLabels, Predictions
from ..feature_cache import VideoFeatures, extract_features, rows_by_video
from ..task import Target
from ..vqa.answer_model import AnswerModel
from ..vqa.blind import most_frequent, most_frequent_by_question, required_text_encoder, without_picture
from ..vqa.neighbours import vote
from ..vqa.question_encoder import EncodedQuestions, QuestionEncoder
from ..vqa.questions import AskedFrames, AskedVideo, answer_target, asked, asked_hash, take_apart
from ..vqa.train import train
from ..vqa.tune import tune_answers
from .few_shot import draw_subsets, published_subsets, restricted, sizes_of
from .tuned import fold_name, is_saved, part_key
from .tuned_part import TunedPart

if TYPE_CHECKING:
    from ..evaluation import Conditions

TUNED = ("lora", "dora", "full")
HEADS = {"zero_shot": "knn"}  # in every other protocol "fusion"
Parts = dict[tuple[str, str], list[tuple[dict[str, np.ndarray], dict]]]  # (head, run) -> per fold logits and settings


def predict_answers(
    exam: Exam, candidate: Candidate, conditions: "Conditions", sources: dict[str, Exam] | None = None
) -> list[Predictions]:
    """Predict the answers to all questions about the test videos.

    Args:
        exam: a question-answering task's data.
        candidate: the encoder of the frames.
        conditions: the protocol and its settings, with the text encoder.
        sources: not used: no head comes from another task.

    Raises:
        ValueError: if the task asks no question, no text encoder is named, the protocol has none of the heads, or what it
            needs does not fit.
    """
    protocol, target = conditions.protocol, answer_target(exam)
    only = HEADS.get(protocol, "fusion")
    if set(conditions.heads_of(exam.task)) != {only}:
        raise ValueError(
            f"{exam.task.name}: protocol {protocol} has the head {only!r} for questions; asked for were "
            f"{list(conditions.heads_of(exam.task))}."
        )
    apart, text = take_apart(exam), required_text_encoder(exam, conditions)
    if protocol in TUNED and candidate.model is not None:
        return joined(target, tuned(exam, target, apart, text, candidate, conditions))
    features = features_of(exam, apart, candidate, conditions, tokens=protocol != "zero_shot")
    if protocol == "zero_shot":
        return joined(target, neighbours(exam, target, apart, features, conditions))
    questions = text.encode(apart.questions)
    tokens = {video: found.tokens for video, found in features.items()}
    if protocol == "few_shot":
        return few_shot(exam, target, apart, questions, tokens, conditions.seeds[0])
    if protocol == "frozen" or protocol in TUNED:  # raw pixels have no trunk to train
        return joined(target, frozen(exam.folds, target, apart, questions, tokens, conditions.seeds))
    raise ValueError(f"unknown protocol {protocol!r}; expected frozen, few_shot, lora, dora, full or zero_shot.")


def features_of(
    exam: Exam, apart: AskedFrames, candidate: Candidate, conditions: "Conditions", tokens: bool
) -> dict[str, VideoFeatures]:
    """Features of the unique frames of an exam's videos."""
    encoder = candidate.encoder
    videos = sorted({video for fold in exam.folds for video in fold.fold.videos})
    size = conditions.image_size or encoder.default_image_size
    return extract_features(
        encoder, apart.frames, videos, size, conditions.cache_dir, conditions.batch_size, tokens=tokens
    )


def frozen(
    folds: Sequence[FoldLabels],
    target: Target,
    apart: AskedFrames,
    questions: EncodedQuestions,
    tokens: dict[str, np.ndarray],
    seeds: Sequence[int],
) -> Parts:
    """Train the fusion on the cached tokens of every fold, with every seed."""
    parts: Parts = {}
    for fold in folds:
        videos = [asked(side[target.name], apart.rows, tokens) for side in (fold.train, fold.val)]
        tested = [AskedVideo(video, apart.rows[video], tokens[video]) for video in fold.fold.test]
        for seed, trained in zip(seeds, train(target, questions, *videos, seeds), strict=True):
            logits = {video.video: trained.head.logits(video) for video in tested}
            parts.setdefault(("fusion", f"seed {seed}"), []).append((logits, trained.chosen))
    return parts


def few_shot(
    exam: Exam,
    target: Target,
    apart: AskedFrames,
    questions: EncodedQuestions,
    tokens: dict[str, np.ndarray],
    seed: int,
) -> list[Predictions]:
    """Train the fusion on k videos, for every k and subset, and beside it what sees no picture."""
    seeing, blind = {}, {}
    for size in sizes_of(exam):
        published = published_subsets(exam, size)
        by_fold = [published or draw_subsets(fold, exam.task.targets, size) for fold in exam.folds]
        origin = "published" if published else "drawn"
        for number in range(min(len(subsets) for subsets in by_fold)):
            folds = [restricted(fold, subsets[number]) for fold, subsets in zip(exam.folds, by_fold, strict=True)]
            for fold in folds:
                said = {"videos": list(fold.fold.train), "subset": origin}
                logits, chosen = frozen([fold], target, apart, questions, tokens, [seed])["fusion", f"seed {seed}"][0]
                seeing.setdefault((f"fusion@{size}", f"subset {number}"), []).append((logits, chosen | said))
                without = {
                    "majority": (most_frequent(target, fold, apart), {}),
                    "question_majority": (most_frequent_by_question(target, fold, apart), {}),
                    "question_only": without_picture(target, fold, apart, questions, seed),
                }
                for head, (logits, chosen) in without.items():
                    blind.setdefault((f"{head}@{size}", f"subset {number}"), []).append((logits, chosen | said))
    return joined(target, seeing | blind)


def neighbours(
    exam: Exam,
    target: Target,
    apart: AskedFrames,
    features: dict[str, VideoFeatures],
    conditions: "Conditions",
) -> Parts:
    """Let the training rows vote."""
    votes = [vote(target, apart, features, fold.train[target.name], fold.fold.test) for fold in exam.folds]
    return {("knn", f"seed {conditions.seeds[0]}"): votes}


def tuned(
    exam: Exam,
    target: Target,
    apart: AskedFrames,
    text: QuestionEncoder,
    candidate: Candidate,
    conditions: "Conditions",
) -> Parts:
    """Train the trunk in every fold with every seed; what was finished before is read instead.

    The first seed's model is kept in `conditions.model_dir`, finished predictions in `conditions.parts_dir`, where given.
    """
    size = conditions.image_size or candidate.encoder.default_image_size
    parts: Parts = {}
    for labels in exam.folds:
        name = fold_name(exam, labels)
        for run, seed in enumerate(conditions.seeds):
            folder = conditions.model_dir / name if conditions.model_dir is not None and run == 0 else None
            stored = found = None
            if conditions.parts_dir is not None:
                key = part_key(
                    replace(exam, frames=apart.frames),
                    labels,
                    candidate,
                    conditions.protocol,
                    ("fusion",),
                    seed,
                    size,
                    conditions.tuning,
                )
                key |= {"text_encoder": text.fingerprint, "asked": asked_hash(apart, labels)}
                stored = TunedPart(conditions.parts_dir, f"{name}-seed-{seed}", key)
                found = stored.read() if folder is None or is_saved(folder) else None
            if found is None:
                model, chosen = tune_answers(
                    candidate,
                    apart,
                    labels,
                    target,
                    text,
                    size,
                    conditions.protocol,
                    seed,
                    conditions.tuning,
                    folder,
                    candidate.trust_remote_code,
                )
                found = [("fusion", target.name, (tested(model, apart, labels, text), chosen))]
                if stored is not None:
                    stored.write(found)
            parts.setdefault(("fusion", f"seed {seed}"), []).append(found[0][2])
    return parts


def tested(model: AnswerModel, apart: AskedFrames, labels: FoldLabels, text: QuestionEncoder) -> dict[str, np.ndarray]:
    """Logits of one fold's test videos by its own model."""
    rows, questions = rows_by_video(apart.frames), text.encode(apart.questions)
    return {
        video: model.logits(apart.frames.select(rows[video]), apart.rows[video], questions)
        for video in labels.fold.test
    }


def joined(target: Target, parts: Parts) -> list[Predictions]:
    """Put the folds of each head and run together."""
    return [
        Predictions(
            target=target.name,
            head=head,
            run=run,
            outputs={video: values.astype(np.float32) for logits, _ in folds for video, values in logits.items()},
            chosen=[chosen for _, chosen in folds],
        )
        for (head, run), folds in parts.items()
    ]
