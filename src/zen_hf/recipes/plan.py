# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Plans a distillation without running it: `zen-hf distill RECIPE.yaml --plan`."""

from pathlib import Path

from zen_hf.distillation.plan import describe, find_gpu, plan_step
from zen_hf.recipe_configuration import load_recipe
from zen_hf.recipes.distill import DistillRecipe


def plan_distillation(
    recipe: Path,
    overrides: list[str] = (),
    gpu: str = "H100-SXM",
    gpus: int = 1,
    frames: int | None = None,
    utilisation: float = 0.4,
    price: float | None = None,
) -> str:
    """What a recipe takes on GPUs of a named kind; nothing is written, and no weights and no frames are read.

    Args:
        recipe: YAML file with the fields of [`DistillRecipe`].
        overrides: Dotted overrides, such as `training.batch_size=128`.
        gpu: Kind of GPU.
        gpus: How many.
        frames: Views that the student shall see; by default those of the recipe's steps.
        utilisation: Share of the GPU's peak rate that is achieved.
        price: Of one GPU for one hour.

    Raises:
        FileNotFoundError: If the recipe or a model's configuration does not exist.
        ValueError: If the recipe or an argument is wrong.
    """
    config = load_recipe(DistillRecipe, recipe, list(overrides))
    find_gpu(gpu)
    plan = plan_step(
        config.student,
        config.teachers,
        config.views,
        config.standardisation,
        config.losses,
        config.balancing,
        config.optimizer,
        config.training,
        processes=gpus,
    )
    frames = frames if frames is not None else config.training.steps * plan.views_per_step * gpus
    return describe(plan, gpu, gpus, frames, utilisation, price)
