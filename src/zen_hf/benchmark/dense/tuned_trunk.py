# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A dense model whose trunk trains too, by adapters or whole, and the folder it is kept in."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn

from zen_hf.modeling import modeling_zen_dense
from zen_hf.modeling.dense_models import head_modules, trunk_module
from zen_hf.modeling.pretrained_encoder import load_pretrained

from ..candidate import Candidate
from ..task import Target
from ..tuning.adapters import adapter_targets, name_magnitudes, write_json
from ..tuning.parameter_groups import parameter_groups
from ..tuning.settings import TuningSettings
from .canvas_frames import CanvasFrames
from .networks import DenseNetwork, model_arguments
from .quiet_models import dense_model, without_remark
from .settings import DenseSettings
from .truths import CanvasTruths, TruthBatch

NOT_IN_THE_TRUNK = "(head)"  # the head's parameters are grouped apart
# of `TuningSettings`, what is read here: steps and the head's training are `DenseSettings`'s, and frames are not shrunk
ADAPTER_SETTINGS = ("lora_learning_rate", "weight_decay", "rank", "alpha", "dropout", "brightness")
FULL_SETTINGS = ("full_learning_rate", "layer_decay", "weight_decay", "brightness")


@dataclass(frozen=True)
class TunableModel:
    """A dense model before its training.

    Args:
        network: it, with adapters where it has some.
        groups: what an optimiser of torch takes.
        arguments: of `dense_model` besides the trunk.
    """

    network: DenseNetwork
    groups: list[dict]
    arguments: dict


def tunable_model(
    candidate: Candidate,
    target: Target,
    head: str,
    method: Literal["lora", "dora", "full"],
    settings: DenseSettings,
    tuning: TuningSettings,
    seed: int,
    depth_scale: float,
) -> TunableModel:
    """A copy of the candidate's trunk that trains, under a fresh head.

    Args:
        candidate: the encoder; it stays as it is.
        target: what is predicted.
        head: name of the head.
        method: how the trunk trains.
        settings: of the head.
        tuning: of the trunk: rates, ranks, decay.
        seed: draws the weights of head and adapters.
        depth_scale: about the median depth.

    Raises:
        ValueError: if the head does not predict this kind, or the trunk has nothing that an adapter could change.
    """
    arguments = model_arguments(target, head, settings, seed, depth_scale)
    model = dense_model(candidate.encoder.model, **arguments)
    if method != "full":
        prefix, trunk = trunk_module(model)
        config = LoraConfig(
            r=tuning.rank,
            lora_alpha=tuning.alpha,
            lora_dropout=tuning.dropout,
            use_dora=method == "dora",
            target_modules=adapter_targets(trunk, prefix),
            modules_to_save=head_modules(model),
            revision=candidate.revision,
        )
        with torch.random.fork_rng(devices=[]):
            torch.random.default_generator.manual_seed(seed)
            model = get_peft_model(model, config)
    trunk = trunk_module(model)[1]
    inside = {id(parameter) for parameter in trunk.parameters()}
    groups = parameter_groups(
        trunk,
        NOT_IN_THE_TRUNK,
        tuning.full_learning_rate if method == "full" else tuning.lora_learning_rate,
        0.0,
        tuning.layer_decay if method == "full" else 1.0,
        tuning.weight_decay,
    )
    groups = [{key: value for key, value in group.items() if key != "names"} for group in groups]
    outside = [p for p in model.parameters() if p.requires_grad and id(p) not in inside]
    groups += head_groups(outside, head, settings)
    frozen = None if candidate.random_weights else trunk
    return TunableModel(DenseNetwork(model, target, head, depth_scale, frozen), groups, arguments)


def settings_used(tuning: TuningSettings, method: str) -> dict:
    """Those of the trunk's settings that this training reads, ready for JSON."""
    return {name: getattr(tuning, name) for name in (FULL_SETTINGS if method == "full" else ADAPTER_SETTINGS)}


def head_groups(parameters: Sequence[nn.Parameter], head: str, settings: DenseSettings) -> list[dict]:
    """Groups of a head's parameters for AdamW; biases, norms and scales do not decay."""
    rates = {"linear": settings.linear_learning_rate, "mask2former": settings.query_learning_rate}
    rate = rates.get(head, settings.learning_rate)
    decayed = [parameter for parameter in parameters if parameter.ndim > 1]
    others = [parameter for parameter in parameters if parameter.ndim <= 1]
    groups = [(decayed, settings.weight_decay), (others, 0.0)]
    return [{"params": params, "lr": rate, "weight_decay": decay} for params, decay in groups if params]


def augmented(
    frames: CanvasFrames,
    truths: CanvasTruths,
    encoder,
    batches: Sequence[np.ndarray],
    tuning: TuningSettings,
    seed: int,
) -> Iterator[tuple[torch.Tensor, TruthBatch]]:
    """Normalised pixels and truth of every step: half of the frames mirrored, all of them brighter or darker.

    A mirrored frame keeps its masks and its depth true, as it does not its phase; nothing else moves.
    """
    generator = torch.Generator().manual_seed(seed)
    for rows, pixels in zip(batches, frames.batches(batches), strict=True):
        draws = torch.rand(len(rows), 2, generator=generator)
        gain = 1 + tuning.brightness * (2 * draws[:, 0] - 1)
        turned = draws[:, 1] < 0.5
        inputs = normalised(encoder, (pixels * gain.view(-1, 1, 1, 1)).clamp(0, 1), frames.inside(rows))
        inputs = torch.where(turned.view(-1, 1, 1, 1).to(inputs.device), inputs.flip(-1), inputs)
        yield inputs, truths.batch(rows).flipped(turned)


def normalised(encoder, pixels: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """What the trunk takes; beyond the frame it is zero, as the encoder's mean colour becomes."""
    pixels = encoder.normalise(pixels)
    return pixels * inside.to(pixels.device)


def save_model(
    network: DenseNetwork, candidate: Candidate, arguments: dict, image_size: int, merged: bool, folder: Path
) -> None:
    """Write the adapters with the head, or the whole model, so that `load_model` reads it.

    Args:
        network: trained.
        candidate: what it was made from.
        arguments: of `dense_model`.
        image_size: side of the square of a frame's area, in pixels.
        merged: whether the whole model is written: adapters of random weights would need these.
        folder: where to write; made if absent.
    """
    folder.mkdir(parents=True, exist_ok=True)
    network.module.save_pretrained(folder)
    if not merged:
        name_magnitudes(folder / "adapter_model.safetensors")
    encoder = candidate.encoder
    write_json(
        folder / "dense.json",
        {
            "base": candidate.model,
            "revision": candidate.revision,
            "class": None if not merged else type(network.module).__name__,
            "arguments": arguments,
            "image_size": image_size,
            "image_mean": encoder.mean.flatten().tolist(),
            "image_std": encoder.std.flatten().tolist(),
            "pixel_scale": encoder.pixel_scale,
            "reverse_channels": encoder.reverse_channels,
        },
    )
    what = "Adapters and head" if not merged else "Dense model"
    (folder / "README.md").write_text(
        f"---\ntags: [surgery]\n---\n# {what} of {candidate.model}: {arguments['head']}, {arguments['kind']}\n\n"
        f"Trained with zen-hf on `{network.target.name}`. Frames keep their aspect ratio; their area is that of a square of "
        f"{image_size} pixels.\n\n```python\nfrom zen_hf.benchmark.dense.tuned_trunk import load_model\n\n"
        'model = load_model(".")\n```\n'
    )


def load_model(folder: Path | str, trust_remote_code: bool = False) -> nn.Module:
    """Read a model that `save_model` wrote.

    Args:
        folder: where it was written.
        trust_remote_code: whether code that lies beside the base's weights may run.

    Raises:
        FileNotFoundError: if there is no such model, or its base is gone.
    """
    path = Path(folder) / "dense.json"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; expected a folder that a dense tuning wrote.")
    content = json.loads(path.read_text())
    if content["class"] is not None:
        source = modeling_zen_dense if hasattr(modeling_zen_dense, content["class"]) else transformers
        with without_remark():
            return getattr(source, content["class"]).from_pretrained(folder)
    trunk = load_pretrained(content["base"], content["revision"], trust_remote_code=trust_remote_code)[0]
    trunk = getattr(trunk, "vision_model", getattr(trunk, "vision_encoder", trunk))
    model = dense_model(trunk, **content["arguments"])
    return PeftModel.from_pretrained(model, folder).eval()
