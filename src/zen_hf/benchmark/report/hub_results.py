# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Scores as metadata of a model repository: `model-index` for its card, and files of `.eval_results/`.

`model-index` (huggingface_hub.EvalResult) stands in the card and takes any dataset. Files of `.eval_results/`
(huggingface_hub.EvalResultEntry, https://huggingface.co/docs/hub/eval-results) name a benchmark of the Hub, a dataset with
an `eval.yaml`, which shows them on its leaderboard; here that is `zen-hf/<task>`, and its tasks are the targets. Never
written are results of miniatures, which are about no real dataset, baselines, which are of no encoder of their own, and
nearest neighbours, a diagnostic that uses the training labels of the task that it is scored on.
"""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

import yaml
from huggingface_hub import EvalResult, EvalResultEntry, eval_result_entries_to_yaml
from huggingface_hub.repocard_data import eval_results_to_model_index

from ..task import load_task
from .entries import Entry, Score
from .words import DIAGNOSTIC, base_of, head_words, metric_words

NAMESPACE = "zen-hf"
TASK_TYPES = {  # by kind of target
    "single_label": "image-classification",
    "multi_label": "image-classification",
    "segmentation": "image-segmentation",
    "partial": "image-segmentation",
    "instances": "object-detection",
    "depth": "depth-estimation",
}
QUESTIONS = "visual-question-answering"


def hub_files(entries: Sequence[Entry]) -> dict[PurePosixPath, str]:
    """Files for the repositories of the encoders, a folder for each: path to text.

    Args:
        entries: of `entries_of`; some are left out (`is_written`), and an encoder without others has no folder.

    Raises:
        ValueError: if a result is of an unknown task.
    """
    real = [entry for entry in entries if is_written(entry)]
    files = {}
    for encoder in dict.fromkeys(entry.encoder for entry in real):
        of_encoder = [entry for entry in real if entry.encoder == encoder]
        folder = PurePosixPath(folder_name(encoder))
        files[folder / "model-index.yaml"] = as_yaml({"model-index": model_index(encoder, of_encoder)})
        for name, of_file in eval_result_files(of_encoder).items():
            files[folder / ".eval_results" / name] = as_yaml(eval_result_entries_to_yaml(of_file))
    return files


def is_written(entry: Entry) -> bool:
    """Whether a result is of an encoder on real data by a head that counts.

    The baseline of an unfinished run has no result to stand beside, and would else pass for an encoder.
    """
    return not entry.miniature and entry.result.baseline is None and base_of(entry.primary["head"]) != DIAGNOSTIC


def folder_name(encoder: str) -> str:
    """A name for a folder: what is no letter, digit, dot or hyphen becomes a hyphen."""
    return re.sub(r"[^\w.-]+", "--", encoder).strip("-.") or "encoder"


def card_scores(entry: Entry) -> list[Score]:
    """What is written of a result: the head of the primary score, for every target and number of training videos."""
    wanted = base_of(entry.primary["head"])
    return [
        score
        for target in entry.summary["targets"]
        for head, score in entry.scores(target).items()
        if base_of(head) == wanted and score.value is not None
    ]


def model_index(encoder: str, entries: Sequence[Entry]) -> list[dict]:
    """The value of `model-index` in a card's metadata."""
    results = []
    for entry in entries:
        source, split = load_task(entry.task).source, entry.summary["split"]
        for score in card_scores(entry):
            how = f"{entry.protocol}, {head_words(score.head)}"
            results.append(
                EvalResult(
                    task_type=task_type(entry, score.target),
                    task_name=f"{entry.task} ({score.target})",
                    dataset_type=source.name,
                    dataset_name=source.title,
                    dataset_config=f"{entry.task}/{score.target}/{entry.split}",
                    dataset_split="test",
                    dataset_args={"split_sha256": split["sha256"], "test_videos": entry.test_videos},
                    metric_type=score.metric,
                    metric_name=f"{metric_words(score.metric)} ({how})",
                    metric_config=how,
                    metric_value=score.value,
                    metric_args=measured_with(entry, score),
                )
            )
    return eval_results_to_model_index(encoder, results)


def task_type(entry: Entry, target: str) -> str:
    """What the Hub calls such a task."""
    return QUESTIONS if entry.question is not None else TASK_TYPES[entry.summary["targets"][target]["kind"]]


def measured_with(entry: Entry, score: Score) -> dict:
    """What belongs to a number wherever it is printed."""
    args = {"leakage": entry.summary["leakage"]["flag"], "image_size": entry.summary["image_size"]}
    if score.interval:
        args["interval_95"] = [score.interval["low"], score.interval["high"]]
    return args


def eval_result_files(entries: Sequence[Entry]) -> dict[str, list[EvalResultEntry]]:
    """{name of the file: entries}, a file per task, protocol, split and number of training videos."""
    files: dict[str, list[EvalResultEntry]] = {}
    for entry in entries:
        for score in card_scores(entry):
            shots = score.head.partition("@")[2]
            name = f"{entry.task}_{entry.protocol}{f'_{shots}' if shots else ''}_{folder_name(entry.split)}.yaml"
            result = EvalResultEntry(
                dataset_id=f"{NAMESPACE}/{entry.task}",
                task_id=score.target,
                value=score.value,
                notes=notes(entry, score),
            )
            files.setdefault(name, []).append(result)
    return files


def notes(entry: Entry, score: Score) -> str:
    """The setup in one line."""
    split, interval = entry.summary["split"], score.interval
    ends = f", 95 % interval {interval['low']:.4f} to {interval['high']:.4f}" if interval else ""
    return (
        f"{score.metric}; {entry.protocol}, {head_words(score.head)}; split {entry.split} ({split['sha256'][:12]}), "
        f"{entry.test_videos} test videos{ends}; {entry.summary['image_size']} px; leakage {entry.summary['leakage']['flag']}"
    )


def as_yaml(content: list | dict) -> str:
    """YAML in the given order."""
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)
