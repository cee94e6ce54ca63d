# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""One encoder, one task, one protocol: from an exam to predictions for its test videos, and from those to a result.

Everything up to `judge` works without the truth of the test videos (`exam.SealedTruth`); `judge` reads it once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from huggingface_hub.constants import HF_HOME
from threadpoolctl import threadpool_limits

from zen_hf.modeling.image_text_encoder import ImageTextEncoder, has_text_tower

from .candidate import Candidate, fastest_device
from .constant_predictions import predict_without_pictures
from .dense.constant import predict_without_pictures as dense_without_pictures
from .dense.settings import DenseSettings
from .exam import Exam, Predictions
from .feature_cache import VideoFeatures, extract_features
from .leakage import Leakage
from .protocols.answers import predict_answers
from .protocols.dense import predict_dense
from .protocols.few_shot import predict_few_shot
from .protocols.frozen import predict_frozen
from .protocols.text_zero_shot import predict_by_text
from .protocols.tuned import predict_tuned
from .protocols.zero_shot import predict_by_neighbours, predict_by_transfer, without_patients
from .results import Result, describe
from .task import Task, Transfer
from .text_prompts import has_prompts, load_prompts, prompts_file
from .tuning.settings import TuningSettings
from .vqa.blind import blind_predictions

CACHE_DIR = Path(HF_HOME) / "zen_hf" / "features"
PROTOCOLS = ("frozen", "few_shot", "lora", "full", "zero_shot")  # what `all` means
TUNED = ("lora", "dora", "full")
DENSE_HEADS = ("dpt", "upernet", "mask2former")  # and "linear"
HEADS = {
    "frozen": ("linear", "attentive", "ms_tcn", *DENSE_HEADS, "fusion"),
    "few_shot": ("linear", "attentive", "ms_tcn", *DENSE_HEADS, "fusion"),
    "lora": ("linear", "ms_tcn", *DENSE_HEADS, "fusion"),
    "dora": ("linear", "ms_tcn", *DENSE_HEADS, "fusion"),
    "full": ("linear", "ms_tcn", *DENSE_HEADS, "fusion"),
    "zero_shot": ("text", "transfer", "knn"),
}


@dataclass(frozen=True)
class Conditions:
    """How an exam is sat.

    Args:
        protocol: one of `PROTOCOLS`, or "dora".
        seeds: of the heads; the first one also of what is run once.
        image_size: side of the square frames in pixels; by default each encoder's own.
        cache_dir: where features are kept.
        batch_size: frames per forward pass of the extraction.
        heads: by default those of the task's file.
        tuning: of the trunk, for `lora`, `dora` and `full`.
        dense: of heads of masks, instances and depth.
        text_encoder: folder or Hub id of what reads the questions of closed VQA.
        prompts: file of prompts in place of the package's own, or a folder with `<task>.json`, for `zero_shot` by text.
        model_dir: where the trained models of those are kept, one folder per fold; by default nowhere.
        parts_dir: where their finished folds wait until all are done, so that an interrupted call goes on; by default nowhere.
    """

    protocol: str
    seeds: tuple[int, ...] = (0, 1, 2)
    image_size: int | None = None
    cache_dir: Path = CACHE_DIR
    batch_size: int = 16
    heads: tuple[str, ...] | None = None
    tuning: TuningSettings = field(default_factory=TuningSettings)
    dense: DenseSettings = field(default_factory=DenseSettings)
    text_encoder: str | None = None
    prompts: Path | None = None
    model_dir: Path | None = None
    parts_dir: Path | None = None

    def heads_of(self, task: Task) -> tuple[str, ...]:
        """The heads to score on a task."""
        return self.heads or task.heads["lora" if self.protocol == "dora" else self.protocol]


def measure(
    exam: Exam,
    parts: Sequence[tuple[Candidate, Exam]],
    conditions: Conditions,
    leakage: Leakage,
    sources: dict[str, Exam] | None = None,
) -> Result:
    """Predict all folds of an exam and score them, once.

    Args:
        exam: the task's data, whose truth was not read yet.
        parts: encoders with the folds they predict: `[(candidate, exam)]`, or `[(candidate, exam.part(i)), ...]` where
            each fold has an encoder of its own.
        conditions: the protocol and its settings.
        leakage: what the encoders may have seen of the test videos.
        sources: for `zero_shot`, exams of the tasks that heads can be transferred from, by name.

    Example:
        task = load_task("cholect50_tool")
        exam = set_exam(task, task.read("cholect50-val"), load_split(task.split))
        candidate = load_candidate("zen-quickstart/student")
        result = measure(exam, [(candidate, exam)], Conditions("frozen"), flag(None, task, exam.split.videos))
    """
    predictions = [entry for candidate, part in parts for entry in predict(part, candidate, conditions, sources)]
    first = parts[0][0]
    size = conditions.image_size or first.encoder.default_image_size
    described = first.description | {"image_size": size}
    if len(parts) > 1:
        described["fingerprint"] = [candidate.encoder.fingerprint for candidate, _ in parts]
    return judge(exam, predictions, described, conditions, leakage)


def predict(
    exam: Exam, candidate: Candidate, conditions: Conditions, sources: dict[str, Exam] | None = None
) -> list[Predictions]:
    """Predict the test videos of an exam's folds with one encoder under one protocol.

    Args:
        exam: the task's data.
        candidate: the encoder.
        conditions: the protocol and its settings.
        sources: for `zero_shot`, exams of the tasks that heads can be transferred from, by name.

    Raises:
        ValueError: if the protocol is unknown, or what it needs does not fit.
    """
    task, heads = exam.task, conditions.heads_of(exam.task)
    if task.targets[0].is_dense:
        return predict_dense(exam, candidate, conditions, sources)
    if task.question:
        return predict_answers(exam, candidate, conditions, sources)
    if conditions.protocol in TUNED and candidate.model is not None:
        return predict_tuned(
            exam,
            candidate,
            conditions.protocol,
            heads,
            conditions.seeds,
            conditions.image_size or candidate.encoder.default_image_size,
            conditions.tuning,
            conditions.model_dir,
            parts_dir=conditions.parts_dir,
        )
    features = _features(exam, candidate.encoder, conditions, tokens="attentive" in heads)
    with threadpool_limits(limits=1, user_api="blas"):  # small products: threads would mostly wait for each other
        if conditions.protocol == "frozen" or conditions.protocol in TUNED:  # raw pixels have no trunk to train
            return predict_frozen(exam, features, heads, conditions.seeds)
        if conditions.protocol == "few_shot":
            return predict_few_shot(exam, features, heads, conditions.seeds[0])
        if conditions.protocol != "zero_shot":
            raise ValueError(
                f"unknown protocol {conditions.protocol!r}; expected one of {', '.join(PROTOCOLS)}, dora."
            )
        found = _by_text(exam, candidate, conditions) if "text" in heads else []
        for transfer in task.transfers if "transfer" in heads else ():
            if transfer.task in (sources or {}):
                found += _transfer(exam, features, transfer, sources[transfer.task], candidate, conditions)
        found += predict_by_neighbours(exam, features, conditions.seeds) if "knn" in heads else []
        if not found:
            names = ", ".join(transfer.task for transfer in task.transfers) or "none"
            raise ValueError(
                f"{task.name}: no head to transfer. It can take those of these tasks, whose data must lie beside its own: "
                f"{names}. Without any, use the head knn; the head text needs an encoder with a text tower."
            )
        return found


def judge(
    exam: Exam, predictions: Sequence[Predictions], candidate: dict, conditions: Conditions, leakage: Leakage
) -> Result:
    """Score all predictions of a result; this reads the test labels, and can be done once per exam.

    Args:
        exam: the task's data, whose truth was not read yet.
        predictions: of all folds, heads and runs.
        candidate: `Candidate.description`.
        conditions: as the predictions were made.
        leakage: what the encoder may have seen of the test videos.
    """
    constant = without_pictures(exam, conditions)
    everything = [*merged(predictions), *constant]
    scores, statistics, truth = exam.truth.score(everything)
    once = conditions.protocol in ("few_shot", "zero_shot")  # of several seeds, only the first one is run
    seeds = conditions.seeds[:1] if once else conditions.seeds
    return describe(exam, everything, scores, statistics, truth, candidate, conditions.protocol, seeds, leakage)


def without_pictures(exam: Exam, conditions: Conditions) -> list[Predictions]:
    """What the training labels alone, or a question alone, say of the test videos."""
    if exam.task.targets[0].is_dense:
        return [entry for target in exam.task.targets for entry in dense_without_pictures(exam, target)]
    if exam.task.question:
        blind = blind_predictions(exam, conditions)
        names = {entry.head for entry in blind}
        return [*(entry for entry in predict_without_pictures(exam) if entry.head not in names), *blind]
    return predict_without_pictures(exam)


def merged(predictions: Sequence[Predictions]) -> list[Predictions]:
    """Predictions of the same head and run in different folds as one."""
    found: dict[tuple, Predictions] = {}
    for entry in predictions:
        key = (entry.target, entry.head, entry.run)
        before = found.get(key)
        if before is not None:
            entry = replace(before, outputs=before.outputs | entry.outputs, chosen=before.chosen + entry.chosen)
        found[key] = entry
    return list(found.values())


def _features(
    exam: Exam, encoder, conditions: Conditions, videos: Sequence[str] | None = None, tokens: bool = False
) -> dict[str, VideoFeatures]:
    """Features of an exam's videos at the conditions' image size."""
    if videos is None:
        videos = sorted({video for fold in exam.folds for video in fold.fold.videos})
    size = conditions.image_size or encoder.default_image_size
    return extract_features(
        encoder, exam.frames, videos, size, conditions.cache_dir, conditions.batch_size, tokens=tokens
    )


def _by_text(exam: Exam, candidate: Candidate, conditions: Conditions) -> list[Predictions]:
    """Predict by class names, where the encoder comes with a text tower and the task with prompts; else nothing."""
    if candidate.model is None or candidate.random_weights or not has_text_tower(candidate.model, candidate.revision):
        return []
    if conditions.prompts is None and not has_prompts(exam.task.name):
        return []
    prompts = load_prompts(exam.task, prompts_file(conditions.prompts, exam.task.name))
    model = ImageTextEncoder.from_pretrained(
        candidate.model, candidate.revision, trust_remote_code=candidate.trust_remote_code
    )
    model.frames.to(fastest_device())
    videos = [video for fold in exam.folds for video in fold.fold.test]
    features = _features(exam, model.frames, conditions, videos)
    return predict_by_text(exam, features, model, prompts)


def _transfer(
    exam: Exam,
    features: dict[str, VideoFeatures],
    transfer: Transfer,
    source: Exam,
    candidate: Candidate,
    conditions: Conditions,
) -> list[Predictions]:
    """Predict by the head of another task, trained without any patient that is tested here."""
    target = next(target for target in source.task.targets if target.name == transfer.target)
    tested = {exam.task.source.patient(video) for fold in exam.folds for video in fold.fold.test}
    labels = without_patients(source.folds[0], source.task.source.patient, tested)
    videos = [*labels.fold.train, *labels.fold.val]
    source_features = _features(source, candidate.encoder, conditions, videos)
    return predict_by_transfer(exam, features, transfer, labels, target, source_features, conditions.seeds)
