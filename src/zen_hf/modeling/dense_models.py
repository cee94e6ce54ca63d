# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Dense models over any trunk: transformers' own heads where they fit, freshly drawn, on the trunk's own weights."""

import copy
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn
from transformers import (
    DPTConfig,
    DPTForDepthEstimation,
    Mask2FormerConfig,
    Mask2FormerForUniversalSegmentation,
    PreTrainedModel,
    UperNetConfig,
    UperNetForSemanticSegmentation,
)

from .configuration_zen_dense import ZenDenseConfig, neck_sizes
from .configuration_zen_pyramid import ZenPyramidConfig
from .modeling_zen_dense import ZenForDepthEstimation, ZenForSemanticSegmentation
from .modeling_zen_pyramid import ZenPyramidBackbone
from .trunk_layout import trunk_layout

# which heads predict what
HEADS = {
    "segmentation": ("linear", "dpt", "upernet", "mask2former"),
    "partial": ("linear", "dpt", "upernet"),
    "depth": ("linear", "dpt"),
    "instances": ("mask2former",),
}


def dense_model(
    trunk: PreTrainedModel,
    head: str,
    kind: str,
    labels: Sequence[str] = (),
    *,
    seed: int,
    width: int = 256,
    queries: int = 100,
    decoder_layers: int = 6,
    encoder_layers: int = 6,
    points: int = 12544,
    depth_scale: float = 1.0,
) -> PreTrainedModel:
    """A model of transformers, or of ours, that predicts a picture: the given trunk under a fresh head.

    Every parameter takes part in the output, or has `requires_grad=False` (DDP would wait for its gradient).

    Args:
        trunk: Any model of frames, such as `FrameEncoder.model`; its weights are copied.
        head: "linear" (batch norm and a 1x1 convolution on the last map), "dpt", "upernet" or "mask2former".
        kind: "segmentation" (one class per pixel), "partial" (any number of classes per pixel), "instances" or "depth".
        labels: Names of the classes; none for depth.
        seed: Draws the head's weights; the global random state stays as it is.
        width: Channels of the head, and of the pyramid below "upernet" and "mask2former", which divides by 32.
        queries: Of "mask2former".
        decoder_layers: Of "mask2former"; its masks are predicted once before the first and once after each.
        encoder_layers: Of its pixel decoder.
        points: At which its loss compares masks, sampled anew every time.
        depth_scale: Depth that the output 1 of the head stands for, about the median depth of the data.

    Returns:
        The model in evaluation mode, on the trunk's device and in its type.

    Raises:
        ValueError: If the head does not predict this kind, labels are missing, the width does not fit, or the trunk
            gives neither patch tokens nor a map, or other weights than its configuration says.
    """
    if kind not in HEADS or head not in HEADS[kind]:
        raise ValueError(
            f"head {head!r} does not predict {kind!r} over {type(trunk).__name__}; expected one of {HEADS}"
        )
    if bool(labels) == (kind == "depth"):
        raise ValueError(f"labels are {tuple(labels)} for {kind!r}; expected none for depth, and some for all else")
    if head == "mask2former" and width % 32:
        raise ValueError(f"width is {width} for 'mask2former'; expected a multiple of 32, the groups of its norms")
    backbone = backbone_config(trunk, head, width)
    classes: dict = {}
    if labels:
        classes = {"id2label": dict(enumerate(labels)), "label2id": {name: i for i, name in enumerate(labels)}}
    if kind == "partial":
        classes["problem_type"] = "multi_label_classification"
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        if head == "upernet":
            config = UperNetConfig(backbone_config=backbone, hidden_size=width, use_auxiliary_head=False, **classes)
            model = UperNetForSemanticSegmentation(config)
        elif head == "mask2former":
            config = Mask2FormerConfig(
                backbone_config=backbone,
                feature_size=width,
                mask_feature_size=width,
                hidden_dim=width,
                encoder_feedforward_dim=4 * width,
                dim_feedforward=4 * width,
                encoder_layers=encoder_layers,
                decoder_layers=decoder_layers + 1,  # transformers counts the prediction before the first
                num_queries=queries,
                train_num_points=points,
                **classes,
            )
            model = Mask2FormerForUniversalSegmentation(config)
        elif head == "dpt" and kind == "depth" and not backbone.reshape_hidden_states:
            config = DPTConfig(
                backbone_config=backbone,
                neck_hidden_sizes=neck_sizes(width),
                fusion_hidden_size=width,
                readout_type="ignore",
            )
            config.depth_scale = depth_scale
            model = DPTForDepthEstimation(config)
        else:
            own = ZenForDepthEstimation if kind == "depth" else ZenForSemanticSegmentation
            scale = {"depth_scale": depth_scale} if kind == "depth" else {}
            model = own(ZenDenseConfig(backbone_config=backbone, head=head, width=width, **scale, **classes))
        if head == "dpt":
            draw_convolutions(model.neck, model.head)
    if head == "dpt" and kind == "depth":
        # its last step is a ReLU: begun at the scale, no pixel is dead before the first step
        nn.init.ones_(model.head.head[-2].bias.data)
    copy_weights(trunk, dense_backbone(model).trunk)
    parameter = next(trunk.parameters())
    model = model.to(parameter.device, parameter.dtype).eval()
    freeze_unused(model)
    return model


def draw_convolutions(*parts: nn.Module) -> None:
    """Fresh weights under which a signal keeps its size through DPT's convolutions.

    transformers draws all of them with deviation 0.02, which is made for weights that a checkpoint then replaces: through ten
    convolutions a signal of 1 would shrink to 0.0001, and the first steps could not tell one place from another. Here each
    weight has the variance 1 / inputs (LeCun et al., "Efficient BackProp", 1998); the last convolution stays small.

    Args:
        parts: The neck and the head.
    """
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    for module in [module for part in parts for module in part.modules() if isinstance(module, kinds)][:-1]:
        # a transposed convolution of DPT has as large a kernel as a stride: every output comes from one place
        taps = 1 if isinstance(module, nn.ConvTranspose2d) else module.kernel_size[0] * module.kernel_size[1]
        nn.init.normal_(module.weight, std=(module.in_channels * taps) ** -0.5)


def backbone_config(trunk: PreTrainedModel, head: str, width: int) -> ZenPyramidConfig:
    """What a head reads of a trunk: its last map, four token sequences, or a pyramid of four levels.

    A plain vision transformer has a pyramid made from its last map, a hierarchical network one made from the last map of
    each of its strides. Scales are such that strides are 4, 8, 16 and 32, or nearest to that.
    """
    layout = trunk_layout(trunk)
    own = copy.deepcopy(trunk.config)
    vars(own).pop("auto_map", None)  # of another folder
    last = layout.last
    if head == "linear":
        return ZenPyramidConfig(trunk_config=own, layers=[-1], strides=[last.stride], channels=[last.channels])
    if head == "dpt" and layout.even_tokens is not None:
        return ZenPyramidConfig(
            trunk_config=own,
            layers=layout.even_tokens,
            strides=[last.stride] * 4,
            channels=[last.channels] * 4,
            reshape_hidden_states=False,
        )
    wanted = (4, 8, 16, 32)
    sources = [layout.source_of(stride) for stride in wanted] if layout.hierarchical else [last]
    strides = [source.stride for source in sources] * (1 if layout.hierarchical else 4)
    return ZenPyramidConfig(
        trunk_config=own,
        layers=[source.layer for source in sources],
        strides=[source.stride for source in sources],
        channels=[source.channels for source in sources],
        scales=[2.0 ** round(math.log2(have / want)) for have, want in zip(strides, wanted, strict=True)],
        hidden_size=width,
    )


def copy_weights(source: PreTrainedModel, trunk: PreTrainedModel) -> None:
    """Copy all weights and buffers of a trunk; a pooler is no part of a dense model.

    Raises:
        ValueError: If one holds a weight that the other lacks, or of another size.
    """
    weights = {key: value for key, value in source.state_dict().items() if not key.startswith("pooler.")}
    own = {key: value.shape for key, value in trunk.state_dict().items() if not key.startswith("pooler.")}
    differing = sorted(key for key in weights.keys() | own.keys() if key not in own or key not in weights)
    differing += [key for key in sorted(own.keys() & weights.keys()) if own[key] != weights[key].shape]
    if differing:
        raise ValueError(
            f"{type(source).__name__} holds other weights than {type(trunk).__name__} of its configuration in "
            f"{len(differing)} places (first: {differing[0]}); merge its adapters or load the plain model"
        )
    trunk.load_state_dict(weights, strict=True)


def dense_backbone(model: PreTrainedModel) -> ZenPyramidBackbone:
    """The backbone of a dense model, with or without adapters around it.

    Raises:
        ValueError: If it has none.
    """
    found = next((module for module in model.modules() if isinstance(module, ZenPyramidBackbone)), None)
    if found is None:
        raise ValueError(f"{type(model).__name__} has no ZenPyramidBackbone; build it with dense_model")
    return found


def trunk_module(model: PreTrainedModel) -> tuple[str, nn.Module]:
    """Name and module of the trunk of a dense model: what is frozen, or gets adapters."""
    trunk = dense_backbone(model).trunk
    return next(name for name, module in model.named_modules() if module is trunk), trunk


def head_modules(model: PreTrainedModel) -> list[str]:
    """Names of all modules outside the trunk that hold weights: `modules_to_save` of PEFT, which matches ends of names.

    A module is given by its parts where another module's name ends as its own.
    """
    trunk = trunk_module(model)[0]
    names = [name for name, _ in model.named_modules()]

    def outside(name: str) -> list[str]:
        module = model.get_submodule(name)
        if not module.state_dict() or name == trunk:
            return []
        ambiguous = any(other != name and other.endswith(name) for other in names)
        if not ambiguous and not trunk.startswith(f"{name}."):
            return [name]
        return [found for child, _ in module.named_children() for found in outside(f"{name}.{child}")]

    return [found for child, _ in model.named_children() for found in outside(child)]


def dense_multiple(model: PreTrainedModel) -> int:
    """Pixels that both sides of what a dense model sees must be divisible by."""
    return dense_backbone(model).config.patch_size


@contextmanager
def replay(model: PreTrainedModel, maps: Sequence[torch.Tensor]) -> Iterator[torch.Tensor]:
    """Within it, a dense model takes `dense_backbone(model).trunk_maps(pixels)` of before in place of its trunk.

    Args:
        model: A dense model, with or without adapters around it.
        maps: One map [B, C, h, w] per layer.

    Yields:
        Pixels [B, 3, H, W] to call the model with: of the right size, their values are not read.
    """
    with dense_backbone(model).replay(maps) as pixel_values:
        yield pixel_values


def dense_output(
    model: PreTrainedModel,
    kind: str,
    pixel_values: torch.Tensor | None = None,
    maps: Sequence[torch.Tensor] | None = None,
) -> torch.Tensor:
    """What a dense model predicts for every pixel, on the grid of its own that covers the whole picture.

    Args:
        model: What `dense_model` gave, with or without adapters around it.
        kind: "segmentation", "partial" or "depth".
        pixel_values: Normalised frames [B, 3, H, W], both sides divisible by `dense_multiple(model)`.
        maps: In place of them, what `trunk_maps` gave.

    Returns:
        Logits [B, C, h, w], of which the softmax or, for "partial", the sigmoid is taken; or depth [B, 1, h, w], not
        negative, times the scale. Of Mask2Former: the logarithm of each class's score, as transformers'
        `post_process_semantic_segmentation` sums it over the queries.

    Raises:
        ValueError: If there are instances to predict, or not one of pixels and maps is given.
    """
    if kind not in ("segmentation", "partial", "depth"):
        raise ValueError(f"kind is {kind!r}; expected segmentation, partial or depth: instances stay queries")
    if (pixel_values is None) == (maps is None):
        raise ValueError("expected either pixel_values or maps, and not both")
    if maps is not None:
        with replay(model, maps) as blank:
            return dense_output(model, kind, blank)
    outputs = model(pixel_values=pixel_values)
    if kind == "depth":
        base = model.get_base_model() if hasattr(model, "get_base_model") else model
        # our own class has scaled already; transformers' DPT knows of no scale
        scale = 1.0 if isinstance(base, ZenForDepthEstimation) else base.config.depth_scale
        return outputs.predicted_depth[:, None] * scale
    if "masks_queries_logits" in outputs:
        classes = outputs.class_queries_logits.softmax(dim=-1)[..., :-1]  # without "no object"
        scores = torch.einsum("bqc,bqhw->bchw", classes, outputs.masks_queries_logits.sigmoid())
        return scores.clamp(min=1e-6).log()
    return outputs.logits


@torch.enable_grad()
def freeze_unused(model: PreTrainedModel) -> None:
    """Set `requires_grad=False` where no output depends on a parameter: mask tokens, norms of poolers, unused fusions."""
    side = trunk_layout(trunk_module(model)[1]).side
    parameter = next(model.parameters())
    outputs = model(pixel_values=torch.zeros(2, 3, side, side, device=parameter.device, dtype=parameter.dtype))
    results = [value for name, value in outputs.items() if "logits" in name or "depth" in name]
    total = sum(value.float().sum() for value in results if isinstance(value, torch.Tensor))
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    gradients = torch.autograd.grad(total, trained, allow_unused=True)
    for parameter, gradient in zip(trained, gradients, strict=True):
        parameter.requires_grad_(gradient is not None)


__all__ = [
    "HEADS",
    "copy_weights",
    "dense_backbone",
    "dense_model",
    "dense_multiple",
    "dense_output",
    "head_modules",
    "replay",
    "trunk_module",
]
