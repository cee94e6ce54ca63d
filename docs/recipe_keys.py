# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Rewrites the tables of keys in recipes.md and curate.md from the recipes' dataclasses: `python docs/recipe_keys.py`."""

import inspect
import re
from dataclasses import MISSING, Field
from pathlib import Path

import yaml

from zen_hf.recipe_configuration import recipe_keys
from zen_hf.recipes.curate import CurateRecipe
from zen_hf.recipes.distill import DistillRecipe

RECIPES = {"recipes.md": DistillRecipe, "curate.md": CurateRecipe}


def meaning(schema: type, field: Field) -> str:
    """Return what the dataclass's docstring says of a field, on one line."""
    attributes = inspect.getdoc(schema).partition("Attributes:")[2]
    found = re.search(rf"^    {field.name}: (.*(?:\n        .*)*)", attributes, flags=re.MULTILINE)
    return " ".join(found[1].split()).replace("|", r"\|") if found else ""


def default(field: Field) -> str:
    """Return a field's default as it would stand in YAML."""
    value = field.default if field.default is not MISSING else field.default_factory()
    if value == "???":
        return "required"
    return f"`{yaml.safe_dump(value, default_flow_style=True, width=1000).splitlines()[0]}`"


def table(recipe: type) -> str:
    """Return the table of a recipe, one row per key."""
    keys = recipe_keys(recipe).items()
    rows = [f"| `{key}` | {default(field)} | {meaning(schema, field)} |" for key, (schema, field) in keys]
    return "\n".join(["| key | default | meaning |", "|---|---|---|", *rows])


if __name__ == "__main__":
    for name, recipe in RECIPES.items():
        page = Path(__file__).with_name(name)
        rows = table(recipe)
        page.write_text(
            re.sub(r"\| key \| default .*?(?=\n\n)", lambda _, rows=rows: rows, page.read_text(), flags=re.DOTALL)
        )
