# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Trains a trunk on the training videos of a fold: with LoRA or DoRA adapters, or whole.

Where the fold has validation videos, training ends when their score no longer grows, and the best epoch's weights are
kept. Where it has none, the number of epochs is fixed: a video left out of two or three decides by its own oddities, and
training twice costs twice. Test videos are neither decoded nor scored here.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import datasets
import numpy as np
import torch
from torch import nn

from zen_hf.extraction.preconditions import require_fitting_size
from zen_hf.modeling.frame_encoder import FrameEncoder

from ..exam import FoldLabels
from ..feature_cache import decode_ahead, rows_by_video, undecoded
from ..scoring import selection_scores
from ..task import Target
from .adapters import add_adapters, save_tuned
from .classifier import load_classifier, start_head
from .decoded_frames import DecodedFrames
from .epochs import has_bf16, train_epochs
from .parameter_groups import parameter_groups
from .settings import TuningSettings


@dataclass(frozen=True)
class TunedModel:
    """A trained trunk with its classifier.

    Args:
        model: the image classifier; adapters are merged into it.
        encoder: its trunk, to extract features with.
        targets: what it predicts.
        image_size: side of its square frames, in pixels.
        batch_size: frames per forward pass.
        chosen: how it was trained, and the scores that its epoch was chosen by; ready for JSON.
    """

    model: nn.Module
    encoder: FrameEncoder
    targets: tuple[Target, ...]
    image_size: int
    batch_size: int
    chosen: dict

    def logits(self, frames: datasets.Dataset) -> dict[str, np.ndarray]:
        """Scores of some frames, by target, [frames, classes] float32.

        Args:
            frames: rows with the column `image`, such as those of one video.
        """
        forward = Forward(self.model, self.encoder, bf16=self.chosen["precision"] == "bf16")
        with closing(decode_ahead(undecoded(frames), self.image_size, self.batch_size)) as batches:
            return predict(forward, batches, self.targets)


@dataclass(frozen=True)
class Forward:
    """From pixels to logits: normalised once, in the precision of the run."""

    model: nn.Module
    encoder: FrameEncoder
    bf16: bool

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        """Logits [B, classes] float32 of RGB frames [B, 3, S, S] in [0, 1]."""
        pixels = self.encoder.normalise(pixels)
        with torch.autocast(pixels.device.type, torch.bfloat16, enabled=self.bf16):
            return self.model(pixel_values=pixels, **self.encoder.arguments).logits.float()


def tune(
    model: str,
    frames: datasets.Dataset,
    labels: FoldLabels,
    targets: Sequence[Target],
    image_size: int,
    method: Literal["lora", "dora", "full"],
    seed: int,
    settings: TuningSettings,
    initial: Literal["pretrained", "random"] = "pretrained",
    folder: Path | None = None,
    revision: str | None = None,
    trust_remote_code: bool = False,
    device: torch.device | str | None = None,
) -> TunedModel:
    """Train a trunk and a classifier on the training videos of one fold.

    Args:
        model: Hub id or folder of any checkpoint that `AutoModelForImageClassification` knows.
        frames: rows with the columns `image` and `video_id`; only those of training and validation videos are read.
        labels: truth of these videos, a row per frame in the order of `frames`.
        targets: what is predicted; all of them share the trunk, and the loss is the mean of theirs.
        image_size: side of the square that frames are resized to, in pixels.
        method: "lora", "dora" (adapters; the trunk's own weights stay), or "full".
        seed: of everything that is drawn; on the CPU, equal seeds give equal weights.
        settings: how to train.
        initial: "random" to start from fresh weights of the same architecture.
        folder: where to save the adapter; the whole model, if the method is "full" or the trunk started at random.
        revision: commit, tag or branch on the Hub.
        trust_remote_code: whether code that lies beside the weights may run.
        device: where to train; by default on a GPU if there is one.

    Raises:
        FileNotFoundError: if there is no readable checkpoint.
        ValueError: if the model, its image size or the labels do not fit, or a frame cannot be decoded.
        FloatingPointError: if the loss leaves the finite numbers.
    """
    if method not in ("lora", "dora", "full") or initial not in ("pretrained", "random"):
        raise ValueError(
            f"method {method!r} with initial {initial!r}; expected 'lora', 'dora' or 'full', and 'pretrained' or 'random'."
        )
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    targets = tuple(targets)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        classifier = load_classifier(model, targets, initial, revision, trust_remote_code)
        require_fitting_size(classifier.encoder, image_size)
        rows = rows_of_fold(frames, labels, targets)
        truth = {target.name: stacked(labels.train[target.name], labels.fold.train) for target in targets}
        trained_classes = start_head(classifier, targets, truth)
        places = {target.name: torch.tensor(trained_classes[target.name]) for target in targets}
        given = {name: torch.from_numpy(values) for name, values in truth.items()}
        if method == "full":
            trained = classifier.model.requires_grad_(True)
        else:
            trained = add_adapters(classifier, settings, dora=method == "dora", revision=revision)
        classifier.encoder.to(device)
        forward = Forward(trained.to(device), classifier.encoder, bf16=has_bf16(device))
        parameters = parameter_groups(
            trained,
            classifier.head,
            settings.full_learning_rate if method == "full" else settings.lora_learning_rate,
            settings.head_learning_rate,
            settings.layer_decay if method == "full" else 1.0,
            settings.weight_decay,
        )
        chosen = {
            "method": method,
            "initial": initial,
            "seed": seed,
            "settings": asdict(settings),
            "device": device.type,
            "precision": "bf16" if forward.bf16 else "fp32",
            "trained_parameters": sum(parameter.numel() for group in parameters for parameter in group["params"]),
        }
        decoded = DecodedFrames(frames.select(np.concatenate(list(rows.values()))), image_size)
        count = len(next(iter(truth.values())))
        batch_size = settings.batch_size
        chosen |= train_epochs(
            forward.model,
            device,
            decoded,
            count,
            lambda rows, pixels: loss_over_targets(
                forward(pixels), {name: values[rows] for name, values in given.items()}, targets, places
            ),
            validation(forward, decoded, count, labels, targets, batch_size) if labels.fold.val else None,
            torch.optim.AdamW([{k: v for k, v in group.items() if k != "names"} for group in parameters]),
            settings,
            seed,
            frozen_statistics=initial == "pretrained",
        )
    trained.eval()
    whole = method == "full" or initial == "random"
    if folder is not None and not whole:
        save_tuned(trained, model, targets, image_size, Path(folder), revision)
    merged = trained if method == "full" else trained.merge_and_unload()
    if folder is not None and whole:
        save_tuned(merged, model, targets, image_size, Path(folder), revision)
    merged.eval().requires_grad_(False)
    return TunedModel(merged, classifier.encoder, targets, image_size, settings.batch_size, chosen)


def rows_of_fold(frames: datasets.Dataset, labels: FoldLabels, targets: Sequence[Target]) -> dict[str, list[int]]:
    """Rows of the training videos, then of the validation videos.

    Raises:
        ValueError: if a video has no frame, or another number of frames than of labels.
    """
    rows = rows_by_video(frames)
    found = {}
    for videos, truth in ((labels.fold.train, labels.train), (labels.fold.val, labels.val)):
        for video in videos:
            found[video] = rows.get(video, [])
            for target in targets:
                if not found[video] or len(found[video]) != len(truth[target.name][video]):
                    raise ValueError(
                        f"video {video!r} has {len(found[video])} frames and {len(truth[target.name][video])} labels of "
                        f"{target.name!r}; expected as many of both, and more than none."
                    )
    return found


def stacked(labels: dict[str, np.ndarray], videos: Sequence[str]) -> np.ndarray:
    """Truth of the frames of some videos, one video after the other."""
    return np.concatenate([labels[video] for video in videos])


def loss_over_targets(
    logits: torch.Tensor, truth: dict[str, torch.Tensor], targets: Sequence[Target], places: dict[str, torch.Tensor]
) -> torch.Tensor:
    """Mean over targets of the cross-entropy, binary where a frame has several labels.

    Args:
        logits: [B, classes of all targets].
        truth: by target, 0/1 [B, classes] or class indices [B].
        targets: in the order of the logits.
        places: by target, the classes that have a training frame; the others have no part in the loss.
    """
    losses = []
    for target, part in split_targets(logits, targets).items():
        kept, labels = places[target].to(logits.device), truth[target].to(logits.device)
        if labels.ndim == 2:
            labels = labels[:, kept].to(logits.dtype)
            losses.append(nn.functional.binary_cross_entropy_with_logits(part[:, kept], labels))
        else:
            losses.append(nn.functional.cross_entropy(part[:, kept], torch.searchsorted(kept, labels.long())))
    return torch.stack(losses).mean()


def split_targets(logits, targets: Sequence[Target]) -> dict:
    """The columns of every target."""
    ends = np.cumsum([len(target.labels) for target in targets])
    return {
        target.name: logits[:, end - len(target.labels) : end]
        for target, end in zip(targets, ends.tolist(), strict=True)
    }


@torch.no_grad()
def predict(forward: Forward, batches: Iterable[torch.Tensor], targets: Sequence[Target]) -> dict[str, np.ndarray]:
    """Logits of batches of pixels, by target, [frames, classes] float32."""
    logits = [forward(pixels).cpu().numpy() for pixels in batches]
    return split_targets(np.concatenate(logits), targets)


def validation(
    forward: Forward,
    decoded: DecodedFrames,
    first: int,
    labels: FoldLabels,
    targets: Sequence[Target],
    batch_size: int,
) -> Callable[[], float]:
    """The score by which an epoch is chosen, as a function of the model as it is then.

    Args:
        forward: the model.
        decoded: frames; from row `first` on, those of the validation videos.
        first: number of training frames.
        labels: their truth.
        targets: what is predicted.
        batch_size: frames per forward pass.

    Raises:
        ValueError: if the score of a target is undefined on these videos, before any time is spent.
    """
    videos = labels.fold.val
    truths = {target.name: [labels.val[target.name][video] for video in videos] for target in targets}
    lengths = [len(truth) for truth in truths[targets[0].name]]
    cuts = np.cumsum(lengths)[:-1]
    for target in targets:
        selection_scores(target, [[np.zeros((n, len(target.labels))) for n in lengths]], truths[target.name])

    def score() -> float:
        forward.model.eval()
        rows = np.arange(first, first + sum(lengths))
        batches = np.array_split(rows, -(-len(rows) // batch_size))
        logits = predict(forward, decoded.batches(batches), targets)
        scores = [
            selection_scores(target, [np.split(logits[target.name], cuts)], truths[target.name])[0]
            for target in targets
        ]
        return float(np.mean(scores))

    return score
