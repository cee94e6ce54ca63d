# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""An encoder that sits an exam: which one it is, and for which folds."""

from dataclasses import dataclass, replace

import torch

from zen_hf.modeling.frame_encoder import FrameEncoder

from .pixel_encoder import PixelEncoder
from .split import Split

HELD_OUT = "{held_out}"  # in a model's path: the id of the test video, for encoders that each never saw one patient


@dataclass(frozen=True)
class Candidate:
    """An encoder, ready to be run.

    Args:
        name: how results and tables call it.
        encoder: it, or the raw pixels.
        model: folder or Hub id that it was loaded from; None for raw pixels.
        revision: commit, tag or branch on the Hub.
        trust_remote_code: whether code that lies beside its weights may run.
        random_weights: whether its weights are drawn instead of loaded: the control that shows what training gave.
    """

    name: str
    encoder: FrameEncoder | PixelEncoder
    model: str | None = None
    revision: str | None = None
    random_weights: bool = False
    trust_remote_code: bool = False

    @property
    def description(self) -> dict:
        """What a result says of it, ready for JSON."""
        network = getattr(self.encoder, "model", None)
        return {
            "name": self.name,
            "revision": self.revision,
            "fingerprint": self.encoder.fingerprint,
            "class": type(network or self.encoder).__name__,
            "parameters": sum(parameter.numel() for parameter in network.parameters()) if network is not None else 0,
            "random_weights": self.random_weights,
        }


def load_candidate(model: str, revision: str | None = None, trust_remote_code: bool = False) -> Candidate:
    """Load an encoder from a folder or the Hub, onto the GPU if there is one.

    Args:
        model: folder, Hub id or name of timm's.
        revision: commit, tag or branch on the Hub.
        trust_remote_code: whether code that lies beside its weights may run.

    Raises:
        FileNotFoundError: if there is no such model.
        ValueError: if its checkpoint is incomplete or its normalisation unknown.
    """
    encoder = FrameEncoder.from_pretrained(model, revision=revision, trust_remote_code=trust_remote_code)
    return Candidate(model, encoder.to(fastest_device()), model, revision, trust_remote_code=trust_remote_code)


def fastest_device() -> str:
    """The GPU, if there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def raw_pixels() -> Candidate:
    """The baseline that sees a small version of the picture and no network."""
    return Candidate("raw pixels", PixelEncoder())


def random_trunk(candidate: Candidate, seed: int) -> Candidate:
    """The baseline of the same architecture whose weights were never trained."""
    name = f"random {candidate.description['class']} (seed {seed})"
    encoder = FrameEncoder.random_like(candidate.encoder, seed).to(fastest_device())
    return replace(candidate, name=name, encoder=encoder, random_weights=True)


def models_of_folds(model: str, split: Split) -> list[str]:
    """The model of every fold, or the only one.

    Args:
        model: a folder or Hub id for all folds, or a path with `{held_out}`, which stands for the id of a fold's test video.
        split: the folds.

    Raises:
        ValueError: if the path has `{held_out}` and a fold has several test videos.
    """
    if HELD_OUT not in model:
        return [model]
    several = [fold.test for fold in split.folds if len(fold.test) > 1]
    if several:
        raise ValueError(
            f"model {model}: {HELD_OUT} stands for the one test video of a fold, and the split {split.name} has a "
            f"fold with {len(several[0])}; give one model, or use a leave-one-out split."
        )
    return [model.replace(HELD_OUT, fold.test[0]) for fold in split.folds]
