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
from math import cos, pi
from pathlib import Path
from typing import Literal

import datasets
import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress
from torch import nn

from zen_hf.modeling.frame_encoder import FrameEncoder

from ..exam import FoldLabels
from ..feature_cache import decode_ahead, require_fitting_size, rows_by_video, undecoded
from ..scoring import selection_scores
from ..task import Target
from .adapters import add_adapters, save_tuned
from .augmentation import augment
from .classifier import load_classifier, start_head
from .decoded_frames import DecodedFrames
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
        chosen |= train_epochs(
            forward,
            DecodedFrames(frames.select(np.concatenate(list(rows.values()))), image_size),
            labels,
            targets,
            trained_classes,
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


def train_epochs(
    forward: Forward,
    decoded: DecodedFrames,
    labels: FoldLabels,
    targets: tuple[Target, ...],
    trained_classes: dict[str, list[int]],
    optimizer: torch.optim.Optimizer,
    settings: TuningSettings,
    seed: int,
    frozen_statistics: bool,
) -> dict:
    """Train epoch by epoch, and leave the best epoch's weights in the model.

    Args:
        forward: the model; it is changed.
        decoded: frames of the training videos, then of the validation videos, in the order of the fold.
        labels: their truth.
        targets: what is predicted.
        trained_classes: per target the classes that have a training frame.
        optimizer: of the parameters that are trained, with their highest rates.
        settings: how to train.
        seed: of the order of frames and their augmentation.
        frozen_statistics: whether batch norms keep the statistics of the checkpoint.

    Returns:
        What happened, ready for JSON.

    Raises:
        FloatingPointError: if the loss leaves the finite numbers.
    """
    truth = {
        target.name: torch.from_numpy(stacked(labels.train[target.name], labels.fold.train)) for target in targets
    }
    count = len(next(iter(truth.values())))
    places = {target.name: torch.tensor(trained_classes[target.name]) for target in targets}
    random, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    steps = -(-count // settings.batch_size)
    steps = min(steps, settings.max_steps_per_epoch or steps)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, warm_up_then_cosine(settings, steps * settings.epochs))
    clipped = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    losses, scores, best = [], [], None
    if labels.fold.val:
        score = validation(forward, decoded, count, labels, targets, settings.batch_size)
    with Progress(console=Console(stderr=True)) as progress:
        bar = progress.add_task("training the trunk", total=steps * settings.epochs)
        for epoch in range(settings.epochs):
            training_mode(forward.model, frozen_statistics)
            batches = np.array_split(random.permutation(count), -(-count // settings.batch_size))[:steps]
            total = 0.0
            for rows, pixels in zip(batches, decoded.batches(batches), strict=True):
                pixels = pixels.to(forward.encoder.mean.device)
                logits = forward(augment(pixels, generator, settings.shrink, settings.brightness))
                loss = loss_over_targets(
                    logits, {name: values[rows] for name, values in truth.items()}, targets, places
                )
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(clipped, settings.clip)
                optimizer.step()
                schedule.step()
                total += loss.item()
                if not np.isfinite(total):
                    raise FloatingPointError(
                        f"the loss is {loss.item()} in epoch {epoch + 1}; lower the learning rates (now {settings})."
                    )
                progress.update(bar, advance=1, description=f"epoch {epoch + 1}, loss {loss.item():.3f}")
            losses.append(total / steps)
            if not labels.fold.val:
                continue
            scores.append(score())
            if best is None or scores[-1] > best[0]:
                best = (scores[-1], epoch, weights(forward.model))
            elif epoch - best[1] >= settings.patience:
                break
    if best is not None:
        restore(forward.model, best[2])
    return {
        "selection": "best epoch on validation videos" if labels.fold.val else "fixed number of epochs",
        "steps_per_epoch": steps,
        "epochs": len(losses),
        "best_epoch": len(losses) if best is None else best[1] + 1,
        "train_loss": losses,
        "validation_scores": scores,
    }


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


def training_mode(model: nn.Module, frozen_statistics: bool) -> None:
    """Switch dropout and drop path on, and batch norms too unless they keep the statistics of the checkpoint."""
    model.train()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and frozen_statistics:
            module.eval()


def weights(model: nn.Module) -> dict[str, torch.Tensor]:
    """A copy of all that training changes: trained parameters, and buffers."""
    changing = {name: value for name, value in model.named_parameters() if value.requires_grad}
    return {name: value.detach().clone() for name, value in (changing | dict(model.named_buffers())).items()}


@torch.no_grad()
def restore(model: nn.Module, copy: dict[str, torch.Tensor]) -> None:
    """Put back what `weights` copied."""
    current = dict(model.named_parameters()) | dict(model.named_buffers())
    for name, value in copy.items():
        current[name].copy_(value)


def warm_up_then_cosine(settings: TuningSettings, steps: int) -> Callable[[int], float]:
    """Factor of the learning rates at a step: up a line, then down a cosine to zero."""
    rising = round(settings.warm_up * steps)

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / (rising + 1)
        return 0.5 + 0.5 * cos(pi * (step - rising) / max(steps - rising, 1))

    return factor


def has_bf16(device: torch.device) -> bool:
    """Whether a device multiplies in bfloat16 by its own instructions; where it does not, it is slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities()
    return device.type == "cpu" and any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
