# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A pretrained trunk with a fresh classifier over the classes of all targets, and its normalisation."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import nn
from transformers import MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING, AutoConfig, AutoModelForImageClassification
from transformers import PreTrainedModel as Model
from transformers.utils import logging

from zen_hf.modeling.frame_encoder import FrameEncoder
from zen_hf.modeling.pretrained_encoder import hub_name, load_pretrained

from ..task import Target

NEVER = -30.0  # logit of a class without a training frame


@dataclass(frozen=True)
class Classifier:
    """An image classifier and what it is made of.

    Args:
        model: the whole; its logits are those of all targets, side by side.
        head: name of its classifying module.
        encoder: its trunk, read and normalised as everywhere in the benchmark.
        settings: the arguments of the encoder besides the trunk.
    """

    model: Model
    head: str
    encoder: FrameEncoder
    settings: dict


def class_names(targets: Sequence[Target]) -> dict[int, str]:
    """Names of all classes, "tool:grasper", by their place in the logits."""
    names = [f"{target.name}:{label}" for target in targets for label in target.labels]
    return dict(enumerate(names))


def load_classifier(
    name: str,
    targets: Sequence[Target],
    initial: Literal["pretrained", "random"] = "pretrained",
    revision: str | None = None,
    trust_remote_code: bool = False,
) -> Classifier:
    """Load a trunk with its image-classification head, refusing one whose trunk is not all there.

    Args:
        name: Hub id or folder of a checkpoint, or a name of timm's.
        targets: what is to be predicted; the head gets a row for every class.
        initial: "random" for the same architecture with fresh weights.
        revision: commit, tag or branch on the Hub.
        trust_remote_code: whether code that lies beside the weights may run.

    Raises:
        FileNotFoundError: if there is no readable checkpoint.
        ValueError: if the architecture cannot be tuned, weights of the trunk are missing, or its normalisation is unknown.
    """
    name = hub_name(str(name))
    require_tunable(name, revision, trust_remote_code)
    # The trunk alone, for its normalisation and for a check that does not know the head.
    settings = load_pretrained(name, revision, trust_remote_code=trust_remote_code)[1]
    config = AutoConfig.from_pretrained(name, revision=revision, trust_remote_code=trust_remote_code)
    config.id2label = class_names(targets)
    config.label2id = {label: index for index, label in config.id2label.items()}
    if initial == "random":
        model = AutoModelForImageClassification.from_config(
            config, dtype=torch.float32, trust_remote_code=trust_remote_code
        )
        report = {"missing_keys": set(), "mismatched_keys": set()}
    else:
        with errors_alone():  # transformers' table of what is missing: judged below, by name
            model, report = AutoModelForImageClassification.from_pretrained(
                name,
                config=config,
                revision=revision,
                dtype=torch.float32,
                trust_remote_code=trust_remote_code,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            )
    trunk = trunk_of(name, model)
    head = head_of(name, model, trunk)
    refuse_incomplete_trunk(name, report, head)
    return Classifier(model, head, FrameEncoder(trunk, **settings), settings)


def require_tunable(name: str, revision: str | None = None, trust_remote_code: bool = False) -> None:
    """Refuse an encoder whose trunk cannot be trained here, by its configuration alone: no weights are loaded.

    Args:
        name: Hub id or folder of a checkpoint, or a name of timm's.
        revision: commit, tag or branch on the Hub.
        trust_remote_code: whether code that lies beside the weights may run.

    Raises:
        FileNotFoundError: if there is no readable configuration.
        ValueError: if the architecture has no class for image classification, or one whose trunk or classifier is not a
            module of its own.
    """
    name = hub_name(str(name))
    try:
        config = AutoConfig.from_pretrained(name, revision=revision, trust_remote_code=trust_remote_code)
    except OSError as error:
        raise FileNotFoundError(
            f"{name}: no model could be loaded ({error}); expected a Hub id or a folder with config.json and "
            "model.safetensors, as written by save_pretrained"
        ) from error
    require_image_classification(name, config)
    config.num_labels = 2  # a checkpoint without a classifier may say 0
    with torch.device("meta"):
        model = AutoModelForImageClassification.from_config(config, trust_remote_code=trust_remote_code)
    head_of(name, model, trunk_of(name, model))


@contextmanager
def errors_alone() -> Iterator[None]:
    """Let transformers print errors only."""
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def require_image_classification(name: str, config) -> None:
    """Refuse an architecture for which transformers knows no image classifier, and all of timm's.

    Raises:
        ValueError: naming the architecture.
    """
    if config.model_type == "timm_wrapper":  # known before timm builds it, which it cannot do without memory
        raise ValueError(
            f"{name} is a model of timm, which keeps its classifier inside its trunk, so it cannot be tuned here; use the "
            "frozen protocol."
        )
    remote = getattr(config, "auto_map", None) or {}
    if type(config) not in MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING and "AutoModelForImageClassification" not in remote:
        raise ValueError(
            f"{name}: model type {config.model_type!r} has no class for AutoModelForImageClassification, so its trunk "
            "cannot be trained here; use the frozen protocol, or, for a DINOv3 ViT, convert it with "
            "ZenModel.from_generalist."
        )


def trunk_of(name: str, model: Model) -> Model:
    """The part of a classifier that encodes.

    Raises:
        ValueError: if it is not a module of its own.
    """
    trunk = model.base_model
    trunk = getattr(model, "vision_model", None) if trunk is model else trunk
    if not isinstance(trunk, Model):
        raise ValueError(
            f"{name}: {type(model).__name__} keeps its classifier inside its trunk; it cannot be tuned here."
        )
    return trunk


def head_of(name: str, model: Model, trunk: Model) -> str:
    """Name of the classifying module: the one beside the trunk that has weights.

    Raises:
        ValueError: if it is not one module that ends in a linear map to all classes.
    """
    heads = [
        child
        for child, module in model.named_children()
        if module is not trunk and any(True for _ in module.parameters())
    ]
    if len(heads) != 1 or len(output_layers(model.get_submodule(heads[0]), model.config.num_labels)) != 1:
        raise ValueError(
            f"{name}: {type(model).__name__} has the parts {heads} beside its trunk; expected one, with one linear map "
            f"to the {model.config.num_labels} classes."
        )
    return heads[0]


def output_layers(head: nn.Module, classes: int) -> list[nn.Linear]:
    """Linear maps to all classes."""
    return [module for module in head.modules() if isinstance(module, nn.Linear) and module.out_features == classes]


def refuse_incomplete_trunk(name: str, report: dict, head: str) -> None:
    """Raise unless the checkpoint filled every weight but the classifier's.

    Args:
        name: what the message calls the checkpoint.
        report: the second result of `from_pretrained(..., output_loading_info=True, ignore_mismatched_sizes=True)`.
        head: name of the classifier.

    Raises:
        ValueError: naming the weights.
    """
    mismatched = {key if isinstance(key, str) else key[0] for key in report["mismatched_keys"]}
    bad = sorted(key for key in set(report["missing_keys"]) | mismatched if not key.startswith(f"{head}."))
    if bad:
        raise ValueError(
            f"{name} lacks {len(bad)} weights of its trunk, or holds them in another size: {', '.join(bad[:5])}"
            f"{', ...' if len(bad) > 5 else ''}; only those of {head!r} may be new. Get the complete checkpoint."
        )


@torch.no_grad()
def start_head(
    classifier: Classifier, targets: Sequence[Target], train: dict[str, np.ndarray]
) -> dict[str, list[int]]:
    """Let the classifier say how frequent each class is, and nothing else.

    The weights are zero, so that the first steps do not pull the trunk towards random directions; whatever the
    checkpoint's own classifier was trained for is gone. A class without a training frame gets the logit -30 for good.

    Args:
        classifier: the model.
        targets: what is predicted.
        train: truth of all training frames by target, [frames, classes] or [frames].

    Returns:
        Per target the indices of classes that can be learned.

    Raises:
        ValueError: if a target has none.
    """
    layer = output_layers(classifier.model.get_submodule(classifier.head), classifier.model.config.num_labels)[0]
    layer.weight.zero_()
    trained, start = {}, 0
    for target in targets:
        labels, classes = train[target.name], len(target.labels)
        counts = np.bincount(labels, minlength=classes) if target.kind == "single_label" else labels.sum(axis=0)
        trained[target.name] = np.flatnonzero(counts).tolist()
        if not trained[target.name]:
            raise ValueError(f"{target.name}: none of its {classes} classes occurs in the training videos.")
        share = np.clip(counts / len(labels), 1e-4, 1 - 1e-4)
        bias = np.log(share) if target.kind == "single_label" else np.log(share / (1 - share))
        layer.bias[start : start + classes] = torch.from_numpy(np.where(counts > 0, bias, NEVER)).float()
        start += classes
    return trained
