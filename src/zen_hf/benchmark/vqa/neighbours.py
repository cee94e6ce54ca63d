# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The answers of the most similar training pictures to the same question: nothing is trained.

Of the training rows that ask the same question (where none does, the one that shares the most words with it), those with
the most similar pictures vote, weighted as in `heads.knn`. It uses training labels: a diagnostic.
"""

import numpy as np
import torch
from torch.nn import functional

from ..feature_cache import VideoFeatures
from ..heads.knn import NEIGHBOURS, TEMPERATURE, KnnHead
from ..task import Target
from .questions import AskedFrames, nearest_question


def vote(
    target: Target,
    apart: AskedFrames,
    features: dict[str, VideoFeatures],
    labels: dict[str, np.ndarray],
    test: tuple[str, ...],
) -> tuple[dict[str, np.ndarray], dict]:
    """Answer all questions about the test videos.

    Args:
        target: what to predict.
        apart: frames and questions.
        features: of the unique frames of all these videos.
        labels: answers of the training videos.
        test: ids of the test videos.

    Returns:
        Log of each answer's share of the vote, {video: [rows, answers]} float32, and the settings.
    """
    videos = sorted(labels)  # which of two equally near pictures counts
    question_of = np.concatenate([apart.rows[video].question for video in videos])
    answers = np.eye(len(target.labels), dtype=np.float32)[np.concatenate([labels[video] for video in videos])]
    summary = np.concatenate([features[video].summary[apart.rows[video].frame] for video in videos])
    summary = functional.normalize(torch.from_numpy(summary).float(), dim=1)
    places = {question: place for place, question in enumerate(apart.questions)}
    trained = [apart.questions[place] for place in np.unique(question_of)]
    found = {video: np.empty((len(apart.rows[video].question), len(target.labels)), np.float32) for video in test}
    for place in sorted({int(place) for video in test for place in apart.rows[video].question}):
        nearest = nearest_question(apart.questions[place], trained)
        voters = np.arange(len(question_of)) if nearest is None else np.flatnonzero(question_of == places[nearest])
        head = KnnHead(summary[voters], torch.from_numpy(answers[voters]), several=False)
        for video in test:
            rows = np.flatnonzero(apart.rows[video].question == place)
            if len(rows):
                pictures = features[video].summary[apart.rows[video].frame[rows]]
                found[video][rows] = head.logits(VideoFeatures(pictures, pictures))
    return found, {"neighbours": NEIGHBOURS, "temperature": TEMPERATURE}
