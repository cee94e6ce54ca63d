# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Groups of parameters for AdamW: rates that fall with depth, and no decay where it makes no sense."""

import re

from torch import nn

BLOCK = re.compile(r"\b(?:layers?|blocks?|stages?)\.(\d+)\b")


def parameter_groups(
    model: nn.Module,
    head: str,
    learning_rate: float,
    head_learning_rate: float,
    layer_decay: float,
    weight_decay: float,
) -> list[dict]:
    """Parameters that are trained, grouped by depth and by whether they decay.

    The rate of a parameter at depth d is `learning_rate * layer_decay ** (top - d)`: the trunk's last norm, at the top, has
    the whole one, the last block `layer_decay` of it, and the embeddings, at depth 0, the least.

    Args:
        model: the model; only parameters that require a gradient are grouped.
        head: name of its classifier.
        learning_rate: rate at the top of the trunk.
        head_learning_rate: rate of the classifier.
        layer_decay: factor from one depth to the next lower one.
        weight_decay: of matrices and filters. Biases, norms, scales, tokens and tables of positions never decay.

    Returns:
        What an optimiser of torch takes, with the name of each parameter under "names".

    Raises:
        ValueError: if rates are to fall with depth, but the names of the parameters show no blocks.
    """
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    in_head = {name for name in trained if f".{head}." in f".{name}"}
    depths = trunk_depths([name for name in trained if name not in in_head])
    if layer_decay < 1 and len(set(depths.values())) < 2:
        raise ValueError(
            f"{type(model).__name__} has no numbered blocks (layer.N, layers.N, blocks.N, stages.N), so its learning "
            f"rate cannot fall with depth; pass layer_decay=1 (it is {layer_decay})."
        )
    top = max(depths.values(), default=0)
    groups = {}
    for name, parameter in trained.items():
        rate = head_learning_rate if name in in_head else learning_rate * layer_decay ** (top - depths[name])
        decays = parameter.ndim > 1 and parameter.shape[0] > 1
        group = groups.setdefault((rate, decays), {"params": [], "names": []})
        group["params"].append(parameter)
        group["names"].append(name)
    return [
        {**group, "lr": rate, "weight_decay": weight_decay if decays else 0.0}
        for (rate, decays), group in groups.items()
    ]


def trunk_depths(names: list[str]) -> dict[str, int]:
    """Depth of every parameter of a trunk: 0 before the first block, then the blocks, then what follows the last one.

    A block is what one number in a name counts (`layers.3`), or two where stages hold layers (`stages.1.layers.0`).

    Args:
        names: the parameters in the order of the model.
    """
    blocks = {}
    for name in names:
        if block := tuple(BLOCK.findall(name)[:2]):
            blocks.setdefault(block, len(blocks) + 1)
    depths, passed = {}, 0
    for name in names:
        block = tuple(BLOCK.findall(name)[:2])
        passed = max(passed, blocks.get(block, 0))
        depths[name] = blocks[block] if block else (len(blocks) + 1 if passed else 0)
    return depths
