# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Trains a trunk together with the fusion, on questions about decoded frames: with adapters, or whole.

Policy and settings are those of `tuning.train_trunk`: the best epoch on validation videos, or a fixed number of epochs. A
step takes `batch_size` frames with all their questions. The fusion starts with the token statistics of the trunk as it was
loaded, and keeps them.
"""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn

from zen_hf.extraction.preconditions import require_fitting_size
from zen_hf.modeling.frame_encoder import FrameEncoder
from zen_hf.modeling.pretrained_encoder import hub_name, load_pretrained

from ..candidate import Candidate, fastest_device
from ..exam import FoldLabels
from ..feature_cache import pool_tokens, rows_by_video
from ..heads.seen_classes import SeenClasses
from ..scoring import selection_scores
from ..task import Target
from ..tuning.adapters import adapter_targets
from ..tuning.decoded_frames import DecodedFrames
from ..tuning.epochs import has_bf16, train_epochs
from ..tuning.parameter_groups import parameter_groups
from ..tuning.settings import TuningSettings
from .answer_model import AnswerModel, save_answers, tokens_of
from .fusion import Fusion, FusionHead, answer
from .question_encoder import EncodedQuestions, QuestionEncoder
from .questions import AskedFrames, AskedVideo, asked, joined_rows
from .train import new_fusion

STATISTICS_FRAMES = 256  # of all training frames, evenly spread


def tune_answers(
    candidate: Candidate,
    apart: AskedFrames,
    labels: FoldLabels,
    target: Target,
    text: QuestionEncoder,
    image_size: int,
    method: Literal["lora", "dora", "full"],
    seed: int,
    settings: TuningSettings,
    folder: Path | None = None,
    trust_remote_code: bool = False,
) -> tuple[AnswerModel, dict]:
    """Train a trunk and a fusion on the training videos of one fold.

    Args:
        candidate: the encoder, loaded anew; random weights where it has such.
        apart: frames and questions; only those of training and validation videos are looked at.
        labels: answers of these videos.
        target: what is predicted.
        text: the frozen text encoder.
        image_size: side of the square that frames are resized to, in pixels.
        method: "lora", "dora" (adapters; the trunk's own weights stay), or "full".
        seed: of everything that is drawn; on the CPU, equal seeds give equal weights.
        settings: how to train.
        folder: where to save; an adapter, or the whole trunk if the method is "full" or it started at random.
        trust_remote_code: whether code that lies beside the weights may run.

    Returns:
        The model, and how it was trained, ready for JSON.

    Raises:
        ValueError: if the model, its image size or the answers do not fit, or a frame cannot be decoded.
        FloatingPointError: if the loss leaves the finite numbers.
    """
    device, questions = fastest_device(), text.encode(apart.questions)
    with torch.random.fork_rng(devices=[device] if device == "cuda" else []):
        torch.manual_seed(seed)
        base = hub_name(str(candidate.model))
        model, described = load_pretrained(base, candidate.revision, trust_remote_code=trust_remote_code)
        encoder = FrameEncoder(model, **described)
        if candidate.random_weights:
            encoder = FrameEncoder.random_like(encoder, seed)
            model = encoder.model
        require_fitting_size(encoder, image_size)
        train, val = (asked(side[target.name], apart.rows) for side in (labels.train, labels.val))
        rows = rows_by_video(apart.frames)
        places = [row for video in (*train, *val) for row in rows[video.video]]
        decoded = DecodedFrames(apart.frames.select(places), image_size)
        encoder.to(device)
        count = sum(len(rows[video.video]) for video in train)
        fusion = start_fusion(target, encoder, decoded, count, questions, train).to(device)
        trained = trainable(model, encoder, settings, method, candidate.revision)
        both = nn.ModuleDict({"trunk": trained, "fusion": fusion})
        groups = parameter_groups(
            both,
            "fusion",
            settings.full_learning_rate if method == "full" else settings.lora_learning_rate,
            settings.head_learning_rate,
            settings.layer_decay if method == "full" else 1.0,
            settings.weight_decay,
        )
        chosen = {
            "method": method,
            "initial": "random" if candidate.random_weights else "pretrained",
            "seed": seed,
            "settings": asdict(settings),
            "device": device,
            "precision": "bf16" if has_bf16(torch.device(device)) else "fp32",
            "trained_parameters": sum(parameter.numel() for group in groups for parameter in group["params"]),
            "untrained": SeenClasses.of(target, joined_rows(train)[2]).untrained,
        }
        chosen |= train_epochs(
            both,
            encoder.mean.device,
            decoded,
            count,
            answer_loss(encoder, fusion, questions, with_frames(train, rows)),
            validation(encoder, fusion, decoded, count, questions, val, rows, target, settings) if val else None,
            torch.optim.AdamW([{k: v for k, v in group.items() if k != "names"} for group in groups]),
            settings,
            seed,
            frozen_statistics=not candidate.random_weights,
        )
    both.eval()
    whole = method == "full" or candidate.random_weights
    if folder is not None and not whole:
        save_answers(trained, fusion, target.labels, text, base, image_size, Path(folder), candidate.revision)
    merged = trained.merge_and_unload() if isinstance(trained, PeftModel) else trained
    if folder is not None and whole:
        save_answers(merged, fusion, target.labels, text, base, image_size, Path(folder), candidate.revision)
    both.requires_grad_(False)
    merged.requires_grad_(False)
    return AnswerModel(encoder, fusion.cpu(), target.labels, image_size, settings.batch_size), chosen


def trainable(
    model: nn.Module, encoder: FrameEncoder, settings: TuningSettings, method: str, revision: str | None
) -> nn.Module:
    """The model as it is trained: all of its trunk, or adapters in it."""
    if method == "full":
        encoder.model.requires_grad_(True)
        return model
    prefix = next(name for name, module in model.named_modules() if module is encoder.model)
    modules = adapter_targets(encoder.model, prefix)
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        use_dora=method == "dora",
        target_modules=modules if prefix else modules.removeprefix(r"\."),
        revision=revision,
    )
    return get_peft_model(model, config)


def start_fusion(
    target: Target,
    encoder: FrameEncoder,
    decoded: DecodedFrames,
    count: int,
    questions: EncodedQuestions,
    train: list[AskedVideo],
) -> Fusion:
    """A fusion with the statistics of the trunk's tokens on evenly spread training frames, the first `count` decoded ones."""
    some = np.unique(np.linspace(0, count - 1, min(count, STATISTICS_FRAMES)).round().astype(int))
    batches = decoded.batches(np.array_split(some, -(-len(some) // 16)))
    return new_fusion(target, questions, [tokens_of(encoder, batches)], joined_rows(train)[2])


def with_frames(videos: list[AskedVideo], rows: dict[str, list[int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of several videos as one: place of the frame among those of all the videos, question, answer."""
    starts = np.cumsum([0, *(len(rows[video.video]) for video in videos)])
    frames = [video.rows.frame + start for video, start in zip(videos, starts, strict=False)]
    return (
        np.concatenate(frames),
        np.concatenate([video.rows.question for video in videos]),
        np.concatenate([video.labels for video in videos]),
    )


def answer_loss(
    encoder: FrameEncoder, fusion: Fusion, questions: EncodedQuestions, rows: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> Callable[[np.ndarray, torch.Tensor], torch.Tensor]:
    """The loss over all questions on some frames, as a function of their rows and pixels.

    Args:
        encoder: what reads the trunk.
        fusion: trained with it.
        questions: all questions.
        rows: frame, question and answer of every training row.
    """
    frame_of, question_of, labels = rows
    of_frame = np.split(np.argsort(frame_of, kind="stable"), np.cumsum(np.bincount(frame_of))[:-1])
    truth = torch.from_numpy(labels).long().to(encoder.mean.device)

    def loss(frames: np.ndarray, pixels: torch.Tensor) -> torch.Tensor:
        picked = np.concatenate([of_frame[frame] for frame in frames])
        places = np.repeat(np.arange(len(frames)), [len(of_frame[frame]) for frame in frames])
        logits = answer(fusion, trained_tokens(encoder, pixels), places, questions, question_of[picked])
        return nn.functional.cross_entropy(logits, truth[torch.from_numpy(picked).to(truth.device)])

    return loss


def trained_tokens(encoder: FrameEncoder, pixels: torch.Tensor) -> torch.Tensor:
    """Pooled patch tokens of frames [B, 3, S, S] in [0, 1], with gradients: [B, tokens, channels] float32."""
    side = pixels.shape[-1] // encoder.stride
    device = pixels.device
    with torch.autocast(device.type, torch.bfloat16, enabled=has_bf16(device)):
        outputs = encoder.model(encoder.normalise(pixels), **encoder.arguments)
    found = encoder.read(outputs, (side, side))
    return pool_tokens(found.patches, found.grid)


def validation(
    encoder: FrameEncoder,
    fusion: Fusion,
    decoded: DecodedFrames,
    first: int,
    questions: EncodedQuestions,
    val: list[AskedVideo],
    rows: dict[str, list[int]],
    target: Target,
    settings: TuningSettings,
) -> Callable[[], float]:
    """The score by which an epoch is chosen, as a function of the model as it is then.

    Args:
        encoder: what reads the trunk.
        fusion: trained with it.
        decoded: frames; from `first` on, those of the validation videos.
        first: number of training frames.
        questions: all questions.
        val: the validation videos.
        rows: rows of every video's frames.
        target: what is predicted.
        settings: frames per forward pass.
    """
    sizes = [len(rows[video.video]) for video in val]
    frames = np.arange(first, first + sum(sizes))

    def score() -> float:
        batches = decoded.batches(np.array_split(frames, -(-len(frames) // settings.batch_size)))
        tokens = np.split(tokens_of(encoder, batches), np.cumsum(sizes)[:-1])
        head = FusionHead(fusion, questions)
        logits = [
            head.logits(AskedVideo(video.video, video.rows, part)) for video, part in zip(val, tokens, strict=True)
        ]
        return selection_scores(target, [logits], [video.labels for video in val])[0]

    return score
