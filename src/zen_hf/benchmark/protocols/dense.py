# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Masks, instances and depth under the five protocols.

`frozen`: heads on maps of an untouched trunk. `few_shot`: the same on k training videos, without any to choose on. `lora`,
`dora`, `full`: the trunk trains under its head. `zero_shot`: "transfer" is the linear head of another task, trained without
any patient that is tested here; "knn" asks the training patches most like each patch, and trains nothing.

What is finished of a fold, head and run is kept under `cache_dir` and read again: an interrupted call goes on, and two tasks
on the same instances train once.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from ..candidate import Candidate
from ..dense.neighbours import remember
from ..dense.networks import HEADS, DenseNetwork, depth_range, head_network
from ..dense.sitting import DenseSitting, device_of, typical_depth
from ..dense.stored_predictions import StoredPredictions
from ..dense.training import fit, row_batches, validation
from ..dense.truths import spread
from ..dense.tuned_trunk import augmented, head_groups, save_model, settings_used, tunable_model
from ..exam import Exam, FoldLabels, Predictions
from ..task import Target, Transfer
from .few_shot import draw_subsets, published_subsets, restricted, sizes_of
from .tuned import fold_name, is_saved
from .zero_shot import without_patients

TUNED = ("lora", "dora", "full")
CLASSES_LOOKED_AT = 100  # frames of a video, for the classes it holds
COUNTED = 50  # training frames, for how frequent each class is

Part = tuple[dict[str, list[bytes]], dict]  # predictions by video, and what was chosen
Parts = dict[tuple[str, str, str], list[Part]]  # (target, head, run) -> one per fold


def predict_dense(
    exam: Exam, candidate: Candidate, conditions, sources: dict[str, Exam] | None = None
) -> list[Predictions]:
    """Predict the test videos of an exam whose targets are pictures.

    Args:
        exam: the task's data.
        candidate: the encoder.
        conditions: `evaluation.Conditions`: the protocol and its settings.
        sources: for `zero_shot`, exams of the tasks that heads can be transferred from, by name.

    Raises:
        ValueError: if the protocol is unknown, a head does not predict a target, or nothing is left to predict with.
    """
    protocol, heads = conditions.protocol, conditions.heads_of(exam.task)
    sitting = sitting_of(exam, candidate, conditions)
    if protocol == "zero_shot":
        parts = zero_shot_parts(sitting, conditions, heads, sources or {})
    elif protocol == "few_shot":
        parts = few_shot_parts(sitting, conditions, heads)
    elif protocol in TUNED and not sitting.is_raw:
        parts = tuned_parts(sitting, conditions, heads)
    elif protocol == "frozen" or protocol in TUNED:  # raw pixels have no trunk to train
        parts = {}
        for labels in exam.folds:
            for target in exam.task.targets:
                for head in heads_for(target, heads, sitting):
                    for seed in conditions.seeds:
                        part = frozen_part(sitting, labels, target, head, seed)
                        parts.setdefault((target.name, head, f"seed {seed}"), []).append(part)
    else:
        raise ValueError(f"unknown protocol {protocol!r}; expected frozen, few_shot, lora, dora, full or zero_shot.")
    return [
        Predictions(
            target=target,
            head=head,
            run=run,
            outputs={video: frames for outputs, _ in folds for video, frames in outputs.items()},
            chosen=[chosen for _, chosen in folds],
        )
        for (target, head, run), folds in parts.items()
    ]


def sitting_of(exam: Exam, candidate: Candidate, conditions) -> DenseSitting:
    """The encoder before the exam's frames at the conditions' image size."""
    size = conditions.image_size or candidate.encoder.default_image_size
    return DenseSitting(exam, candidate, size, conditions.dense, Path(conditions.cache_dir))


def heads_for(target: Target, heads: Sequence[str], sitting: DenseSitting) -> tuple[str, ...]:
    """Those heads that are tried; over raw pixels the linear one alone.

    Raises:
        ValueError: if a head does not predict this kind of target.
    """
    wrong = [head for head in heads if head not in HEADS[target.kind]]
    if wrong:
        raise ValueError(
            f"{target.name} ({target.kind}): no head {wrong[0]!r}; expected of {', '.join(HEADS[target.kind])}."
        )
    return ("linear",) if sitting.is_raw else tuple(heads)


def stored(sitting: DenseSitting, key: dict, make: Callable[[], Part]) -> Part:
    """What is there under a key, else what is made now and kept."""
    file = StoredPredictions(sitting.cache_dir, key)
    found = file.read()
    if found is None:
        found = make()
        file.write(*found)
    return found


def trained_head(
    sitting: DenseSitting, labels: FoldLabels, target: Target, head: str, seed: int
) -> tuple[DenseNetwork, dict]:
    """One head on maps of the untouched trunk, trained on one fold with one seed, and what was chosen."""
    settings, maps = sitting.settings, sitting.maps(target, head)
    sitting.frames.keep(maps.absent(sitting.rows([*labels.fold.train, *labels.fold.val])))
    truths = sitting.truths(target, head, labels.train[target.name])
    network = head_network(sitting.candidate.encoder, target, head, settings, seed, typical_depth(target, labels))
    rows = sitting.rows(labels.fold.train)
    network.begin_with_frequencies(truths, [rows[index] for index in spread(len(rows), COUNTED)])
    batches = row_batches(rows, settings, seed)
    predict = sitting.predicting(target, maps.batches, network.predict)
    with seeded(seed, network.device):
        chosen = fit(
            network,
            zip(maps.batches(batches), map(truths.batch, batches), strict=True),
            torch.optim.AdamW(head_groups(network.head_parameters(), head, settings)),
            settings,
            validation(target, labels, sitting.rows_of, settings.validation_frames, predict),
            f"{head} head of {target.name}",
        )
    return network, chosen | {"seed": seed, "settings": asdict(settings)}


def frozen_part(sitting: DenseSitting, labels: FoldLabels, target: Target, head: str, seed: int) -> Part:
    """What such a head predicts for the test videos of the fold."""

    def train() -> Part:
        network, chosen = trained_head(sitting, labels, target, head, seed)
        predict = sitting.predicting(target, sitting.maps(target, head).batches, network.predict)
        return sitting.outputs(target, labels.fold.test, predict), chosen

    return stored(sitting, sitting.key(labels, target, method="frozen", head=head, seed=seed), train)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Within it, all that is drawn (dropout, points of a loss) comes from a seed; afterwards all is as before."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def few_shot_parts(sitting: DenseSitting, conditions, heads: Sequence[str]) -> Parts:
    """Heads on k training videos, for every k and subset, without any video to choose on."""
    exam, parts = sitting.exam, {}
    for size in sizes_of(exam):
        published = published_subsets(exam, size)
        by_fold = [published or drawn_subsets(labels, exam.task.targets, size) for labels in exam.folds]
        for number in range(min(len(subsets) for subsets in by_fold)):
            for labels, subsets in zip(exam.folds, by_fold, strict=True):
                few = restricted(labels, subsets[number])
                for target in exam.task.targets:
                    for head in heads_for(target, heads, sitting):
                        outputs, chosen = frozen_part(sitting, few, target, head, conditions.seeds[0])
                        origin = {"videos": list(subsets[number]), "subset": "published" if published else "drawn"}
                        run = (target.name, f"{head}@{size}", f"subset {number}")
                        parts.setdefault(run, []).append((outputs, chosen | origin))
    return parts


def drawn_subsets(labels: FoldLabels, targets: Sequence[Target], size: int) -> list[tuple[str, ...]]:
    """`few_shot.draw_subsets`, by the classes that the pictures of each training video hold."""
    as_labels, present = [replace(target, kind="multi_label") for target in targets], {}
    for target in targets:
        present[target.name] = {}
        for video, truths in labels.train[target.name].items():
            found = np.zeros((1, len(target.labels)), int)
            for index in spread(len(truths), CLASSES_LOOKED_AT):
                found[0, classes_in(target, truths[index])] = 1
            present[target.name][video] = found
    return draw_subsets(FoldLabels(labels.fold, present, {}), as_labels, size)


def classes_in(target: Target, value) -> list[int]:
    """Classes that the truth of a frame holds; of depth none."""
    if target.kind == "instances":
        return sorted(set(value.labels.tolist()))
    if target.kind == "partial":
        return [k for k in value.known if (value.bits >> k & 1).any()]
    if target.kind == "segmentation":
        return [int(label) for label in np.unique(value) if label < len(target.labels)]
    return []


def tuned_parts(sitting: DenseSitting, conditions, heads: Sequence[str]) -> Parts:
    """The trunk trains under each head, in every fold with every seed."""
    parts = {}
    for labels in sitting.exam.folds:
        for target in sitting.exam.task.targets:
            for head in heads_for(target, heads, sitting):
                for run, seed in enumerate(conditions.seeds):
                    folder = None
                    if conditions.model_dir is not None and run == 0:
                        folder = Path(conditions.model_dir) / fold_name(sitting.exam, labels) / f"{target.name}-{head}"
                    part = tuned_part(sitting, labels, target, head, seed, conditions, folder)
                    parts.setdefault((target.name, head, f"seed {seed}"), []).append(part)
    return parts


def tuned_part(
    sitting: DenseSitting,
    labels: FoldLabels,
    target: Target,
    head: str,
    seed: int,
    conditions,
    folder: Path | None,
) -> Part:
    """One training of trunk and head; the model is kept in a folder if one is given."""
    method, settings, tuning = conditions.protocol, sitting.settings, conditions.tuning
    used = settings_used(tuning, method)
    key = sitting.key(labels, target, method=method, head=head, seed=seed, tuning=used)
    file = StoredPredictions(sitting.cache_dir, key)
    found = file.read()
    if found is not None and has_model(found[1]["folder"], folder):
        return in_folder(*found, folder)
    encoder, frames, rows = sitting.candidate.encoder, sitting.frames, sitting.rows(labels.fold.train)
    frames.keep([*rows, *sitting.rows(labels.fold.val)])
    truths = sitting.truths(target, head, labels.train[target.name])
    made = tunable_model(
        sitting.candidate, target, head, method, settings, tuning, seed, typical_depth(target, labels)
    )
    made.network.begin_with_frequencies(truths, [rows[index] for index in spread(len(rows), COUNTED)])
    network, merged = made.network, method == "full" or sitting.candidate.random_weights
    with seeded(seed, network.device):
        predict = sitting.predicting(target, sitting.pixels, network.predict)
        chosen = fit(
            network,
            augmented(frames, truths, encoder, row_batches(rows, settings, seed), tuning, seed),
            torch.optim.AdamW(made.groups),
            settings,
            validation(target, labels, sitting.rows_of, settings.validation_frames, predict),
            f"{method}, {head} head of {target.name}",
        )
    if folder is not None and not merged:
        save_model(network, sitting.candidate, made.arguments, sitting.image_size, merged, folder)
    if method != "full":
        network.module = network.module.merge_and_unload()
    if folder is not None and merged:
        save_model(network, sitting.candidate, made.arguments, sitting.image_size, merged, folder)
    chosen |= {"method": method, "seed": seed, "settings": asdict(settings), "tuning": used}
    outputs = sitting.outputs(target, labels.fold.test, predict)
    file.write(outputs, chosen | {"folder": None if folder is None else str(folder.absolute())})
    return in_folder(outputs, chosen, folder)


def in_folder(outputs: dict[str, list[bytes]], chosen: dict, folder: Path | None) -> Part:
    """A training for one result: of the folders that hold its model, the result names its own or none."""
    chosen = {name: value for name, value in chosen.items() if name != "folder"}
    return outputs, chosen | ({} if folder is None else {"folder": str(folder)})


def has_model(kept: str | None, folder: Path | None) -> bool:
    """Whether the wanted model is there, if need be as a copy of the one that another task kept."""
    if folder is None or is_saved(folder):
        return True
    if kept is None or not is_saved(Path(kept)):
        return False
    shutil.copytree(kept, folder, dirs_exist_ok=True)
    return True


def zero_shot_parts(sitting: DenseSitting, conditions, heads: Sequence[str], sources: dict[str, Exam]) -> Parts:
    """Heads of other tasks, and a vote of the nearest training patches."""
    exam, seed, parts = sitting.exam, conditions.seeds[0], {}
    for transfer in exam.task.transfers if "transfer" in heads else ():
        if transfer.task in sources:
            target = exam.task.targets[0]
            run = (target.name, f"transfer:{transfer.task}", f"seed {seed}")
            parts[run] = transferred_parts(sitting, target, transfer, sources[transfer.task], conditions)
    for target in exam.task.targets if "knn" in heads else ():
        parts[target.name, "knn", f"seed {seed}"] = [
            neighbours_part(sitting, labels, target, seed) for labels in exam.folds
        ]
    if not parts:
        names = ", ".join(transfer.task for transfer in exam.task.transfers) or "none"
        raise ValueError(
            f"{exam.task.name}: no head to transfer. It can take those of these tasks, whose data must lie beside its own: "
            f"{names}. Without any, use the head knn."
        )
    return parts


def transferred_parts(
    sitting: DenseSitting, target: Target, transfer: Transfer, source: Exam, conditions
) -> list[Part]:
    """Depth here by the linear head of another task, trained without any patient that is tested here.

    Raises:
        ValueError: if either target is not depth, or all of the other task's patients are tested here.
    """
    theirs = next(other for other in source.task.targets if other.name == transfer.target)
    if {target.kind, theirs.kind} != {"depth"}:
        raise ValueError(
            f"{sitting.exam.task.name}: a {theirs.kind} head of {transfer.task} cannot be tested on {target.kind}; dense "
            "heads are transferred for depth alone."
        )
    patients = {sitting.exam.task.source.patient(video) for fold in sitting.exam.folds for video in fold.fold.test}
    labels = without_patients(source.folds[0], source.task.source.patient, patients)
    there = sitting_of(replace(source, folds=(labels,)), sitting.candidate, conditions)
    seed = conditions.seeds[0]

    def train() -> Part:
        network, chosen = trained_head(there, labels, theirs, "linear", seed)
        network.depths = depth_range(target)
        predict = sitting.predicting(target, sitting.maps(target, "linear").batches, network.predict)
        videos = [video for fold in sitting.exam.folds for video in fold.fold.test]
        return sitting.outputs(target, videos, predict), chosen | {"trained_on": sorted(labels.fold.train)}

    ours = [sitting.key(fold, target) for fold in sitting.exam.folds]
    how = {"method": "transfer", "head": "linear", "seed": seed}
    tested = [[entry["frames"], entry["canvas"], entry["depths"]] for entry in ours]
    key = there.key(labels, theirs, tested=tested, **how)
    outputs, chosen = stored(sitting, key, train)
    return [({video: outputs[video] for video in fold.fold.test}, chosen) for fold in sitting.exam.folds]


def neighbours_part(sitting: DenseSitting, labels: FoldLabels, target: Target, seed: int) -> Part:
    """A vote of the training patches most like each patch."""

    def vote() -> Part:
        maps = sitting.maps(target, "linear")
        truths = sitting.truths(target, "linear", labels.train[target.name])
        rows, device = sitting.rows(labels.fold.train), device_of(sitting.candidate.encoder)
        memory = remember(maps, truths, rows, sitting.settings.memory, seed, device)

        def predict(inputs, places):
            return memory.predict(inputs, places, target.kind, **depth_range(target))

        on_rows = sitting.predicting(target, maps.batches, predict)
        chosen = {"patches": memory.count, "seed": seed}
        return sitting.outputs(target, labels.fold.test, on_rows), chosen

    return stored(sitting, sitting.key(labels, target, method="knn", seed=seed), vote)
