# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A dense model as the benchmark trains and asks it: from maps or pixels to a loss, and to predictions of frames."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from zen_hf.modeling.dense_models import dense_backbone, dense_output, replay, trunk_module
from zen_hf.modeling.modeling_zen_dense import ZenLinearHead

from ..pixel_encoder import PixelEncoder
from ..task import Target
from ..tuning.epochs import has_bf16
from .canvas import Place
from .decisions import decided, from_queries
from .losses import depth_loss, partial_loss, segmentation_loss
from .pictures import IGNORE, DenseValue
from .quiet_models import dense_model
from .settings import DenseSettings
from .truths import CanvasTruths, TruthBatch

HEADS = {
    "segmentation": ("linear", "dpt", "upernet", "mask2former"),
    "partial": ("linear", "dpt", "upernet"),
    "depth": ("linear", "dpt"),
    "instances": ("linear", "mask2former"),
}
LEAST_SHARE = 1e-4  # of a class that hardly occurs
LEAST_DEPTH = 1e-3  # of the scale: what a head's ReLU cut off has a logarithm
HALF = np.finfo(np.float16)
BACKGROUND = "background"

Inputs = torch.Tensor | Sequence[torch.Tensor]  # normalised pixels [B, 3, H, W], or maps [B, C, h, w]


class DenseNetwork:
    """A model with a dense head.

    Args:
        module: what `dense_model` gave, with or without adapters; or a `PixelHead`.
        target: what it predicts.
        head: name of the head.
        depth_scale: about the median depth, in the target's unit.
        frozen: the part whose batch norms keep their statistics in training; None for no such part.
    """

    def __init__(
        self, module: nn.Module, target: Target, head: str, depth_scale: float = 1.0, frozen: nn.Module | None = None
    ):
        """Nothing is computed."""
        self.module, self.target, self.depth_scale, self.frozen = module, target, depth_scale, frozen
        self.queries = head == "mask2former"
        self.kind = truth_kind(target, head)
        self.depths = depth_range(target)
        self.up_to_scale = self.kind == "depth" and not target.settings.get("metric_scale", True)

    @property
    def device(self) -> torch.device:
        """Where it is."""
        return next(self.module.parameters()).device

    @staticmethod
    def autocast(device: torch.device) -> AbstractContextManager:
        """Bfloat16 on a GPU that has it, else float32. Mask2Former's loss is matched in float32, and stays out of it.

        So do heads of depth, though not their trunks: bfloat16 rounds to 0.4 %.
        """
        return torch.autocast(device.type, torch.bfloat16, device.type == "cuda" and has_bf16(device))

    def training_mode(self) -> None:
        """Switch dropout and batch statistics on, but for the part that keeps its own."""
        self.module.train()
        for module in self.frozen.modules() if self.frozen is not None else ():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()

    @torch.no_grad()
    def begin_with_frequencies(self, truths: CanvasTruths, rows: Sequence[int]) -> None:
        """Let a fresh head say how frequent each class is in some training frames, before it has looked at any.

        Else the first steps, nine tenths background, push every class down by all channels, and a short training never gets
        it up again. Heads of depth begin at the typical depth, queries as transformers draws them.

        Args:
            truths: of training frames, as the head trains on them.
            rows: of the frames that are counted.
        """
        if self.queries or self.kind == "depth":
            return
        counts = total = 0
        for row in rows:
            truth = truths.batch([row])
            if self.kind == "partial":
                counts = counts + (truth.present & truth.known).sum(dim=(0, 2, 3))
                total = total + truth.known.sum(dim=(0, 2, 3))
            else:
                found = torch.bincount(truth.classes[truth.classes != IGNORE], minlength=truths.classes)
                counts, total = counts + found, total + found.sum()
        share = (counts / total.clamp(min=1)).clamp(LEAST_SHARE, 1 - LEAST_SHARE)
        for layer in self.output_layers():
            layer.bias.copy_(share.logit() if self.kind == "partial" else share.log())

    def output_layers(self) -> list[nn.Conv2d]:
        """The convolution that gives the classes; with adapters also the copy that is not trained."""
        convolutions = [(name, part) for name, part in self.module.named_modules() if isinstance(part, nn.Conv2d)]
        named = [part for name, part in convolutions if name.endswith("classifier")]  # linear, UperNet
        return named or [[part for name, part in convolutions if "head" in name][-1]]

    def head_parameters(self) -> list[nn.Parameter]:
        """Those that are not the trunk's, and that an output depends on."""
        trunk = () if isinstance(self.module, PixelHead) else trunk_module(self.module)[1].parameters()
        others = {id(parameter) for parameter in trunk}
        return [p for p in self.module.parameters() if p.requires_grad and id(p) not in others]

    def moved(self, inputs: Inputs) -> Inputs:
        """The inputs where the model is."""
        if isinstance(inputs, torch.Tensor):
            return inputs.to(self.device)
        return [values.to(self.device) for values in inputs]

    def output(self, inputs: Inputs) -> torch.Tensor:
        """Logits, or the logarithm of depth, [B, K, h, w] float32 on any grid over the canvas."""
        inputs = self.moved(inputs)
        if isinstance(self.module, PixelHead):
            values = self.module(inputs[-1])
            return values + torch.tensor(self.depth_scale).log() if self.kind == "depth" else values
        with self.autocast(self.device):
            if self.kind == "depth" and isinstance(inputs, torch.Tensor):
                inputs = dense_backbone(self.module).trunk_maps(inputs)
            elif self.kind != "depth":
                given = {"pixel_values" if isinstance(inputs, torch.Tensor) else "maps": inputs}
                return dense_output(self.module, self.kind, **given).float()
        depth = dense_output(self.module, self.kind, maps=[values.float() for values in inputs])
        return depth.clamp(min=LEAST_DEPTH * self.depth_scale).log()

    def loss(self, inputs: Inputs, truth: TruthBatch) -> torch.Tensor:
        """What training makes small, for one batch."""
        truth = truth.to(self.device)
        if self.queries:
            masks, labels = masks_of_classes(truth.classes) if truth.masks is None else (truth.masks, truth.classes)
            return self.asked(inputs, mask_labels=masks, class_labels=labels).loss.squeeze()
        known = {"segmentation": truth.classes, "partial": truth.present, "depth": truth.depth}[self.kind]
        values = functional.interpolate(self.output(inputs), known.shape[-2:], mode="bilinear", align_corners=False)
        if self.kind == "segmentation":
            return segmentation_loss(values, truth.classes)
        if self.kind == "partial":
            return partial_loss(values, truth.present, truth.known)
        return depth_loss(values[:, 0], truth.depth, self.up_to_scale)

    def asked(self, inputs: Inputs, **labels):
        """The output of a Mask2Former head."""
        inputs = self.moved(inputs)
        if isinstance(inputs, torch.Tensor):
            return self.module(pixel_values=inputs, **labels)
        with replay(self.module, inputs) as blank:
            return self.module(pixel_values=blank, **labels)

    @torch.no_grad()
    def predict(self, inputs: Inputs, places: Sequence[Place]) -> list[DenseValue]:
        """Predictions of some frames, as the table of `pictures` says."""
        self.module.eval()
        if self.queries:
            found = self.asked(inputs)
            trios = zip(found.class_queries_logits, found.masks_queries_logits, places, strict=True)
            if self.kind == "segmentation":
                return [decided(self.kind, class_shares(*queries), place) for *queries, place in trios]
            return [from_queries(classes, masks, place) for classes, masks, place in trios]
        return [
            decided(self.target.kind, values, place, **self.depths)
            for values, place in zip(self.output(inputs), places, strict=True)
        ]


class PixelHead(ZenLinearHead):
    """The linear head on raw pixels: what the colours of a place give away. Of depth it gives the logarithm."""


def masks_of_classes(classes: torch.Tensor) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """One mask per class that a frame shows, as Mask2Former learns to segment: masks [K, h, w] and classes [K] per frame.

    Args:
        classes: [B, h, w] class indices; `IGNORE` belongs to no mask. The loss of transformers cannot leave places out: it
            teaches that none of the classes is there.
    """
    shown = [found[found != IGNORE] for found in map(torch.unique, classes)]
    masks = [(frame == of_frame[:, None, None]).float() for frame, of_frame in zip(classes, shown, strict=True)]
    return masks, shown


def class_shares(class_logits: torch.Tensor, mask_logits: torch.Tensor) -> torch.Tensor:
    """How much the queries of a frame speak for each class at each place, [classes, h, w].

    B. Cheng et al., "Per-Pixel Classification is Not All You Need for Semantic Segmentation", arXiv:2107.06278, section 3.4.

    Args:
        class_logits: [queries, classes + 1]; the last is "no object".
        mask_logits: [queries, h, w].
    """
    probabilities = class_logits.float().softmax(dim=1)[:, :-1]
    return torch.einsum("qk,qhw->khw", probabilities, mask_logits.float().sigmoid())


def depth_range(target: Target) -> dict[str, float]:
    """Least and greatest depth that a target's predictions may have; empty where it is not depth.

    Where depth is known up to scale, the range of the truth says nothing of predictions before they are scaled: theirs is
    what half precision, in which they are kept, can hold.
    """
    if target.kind != "depth":
        return {}
    if target.settings.get("metric_scale", True):
        return {name: target.settings[name] for name in ("nearest", "farthest")}
    return {"nearest": float(HALF.tiny), "farthest": float(HALF.max)}


def truth_kind(target: Target, head: str) -> str:
    """Kind of the truth that a head trains on: every head of instances but Mask2Former's tells classes apart."""
    return "segmentation" if target.kind == "instances" and head != "mask2former" else target.kind


def label_names(target: Target, kind: str) -> tuple[str, ...]:
    """Names of a head's outputs; the classes of instances get a background."""
    return (BACKGROUND, *target.labels) if kind != target.kind else tuple(target.labels)


def model_arguments(target: Target, head: str, settings: DenseSettings, seed: int, depth_scale: float) -> dict:
    """Arguments of `dense_model` besides the trunk, ready for JSON.

    Raises:
        ValueError: if the head does not predict this kind.
    """
    if head not in HEADS[target.kind]:
        raise ValueError(
            f"head {head!r} does not predict {target.name!r} ({target.kind}); expected one of {HEADS[target.kind]}."
        )
    kind = truth_kind(target, head)
    arguments = {"head": head, "kind": kind, "labels": list(label_names(target, kind)), "seed": seed}
    arguments |= {"width": settings.width}
    if head == "mask2former":
        arguments |= {
            "queries": settings.queries,
            "decoder_layers": settings.decoder_layers,
            "encoder_layers": settings.encoder_layers,
            "points": settings.points,
        }
    return arguments | ({"depth_scale": depth_scale} if kind == "depth" else {})


def head_network(
    encoder, target: Target, head: str, settings: DenseSettings, seed: int, depth_scale: float
) -> DenseNetwork:
    """A fresh head over a trunk that stays as it is, or over raw pixels.

    Args:
        encoder: the encoder.
        target: what is predicted.
        head: name of the head; over raw pixels "linear".
        settings: how heads are built.
        seed: draws the head's weights.
        depth_scale: about the median depth.

    Raises:
        ValueError: if the head does not predict this kind.
    """
    arguments = model_arguments(target, head, settings, seed, depth_scale)
    if isinstance(encoder, PixelEncoder):
        with torch.random.fork_rng(devices=[]):
            torch.random.default_generator.manual_seed(seed)
            module = PixelHead(encoder.hidden_size, max(len(arguments["labels"]), 1))
        return DenseNetwork(module, target, head, depth_scale)
    model = dense_model(encoder.model, **arguments)
    return DenseNetwork(model, target, head, depth_scale)
