# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A recipe file is read exactly, and every mistake in it is named where it stands."""

import enum
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from omegaconf import MISSING

from zen_hf.recipe_configuration import load_recipe, recipe_as_dict, recipe_keys, save_recipe


class Order(enum.Enum):
    rgb = "rgb"
    bgr = "bgr"


@dataclass
class Teacher:
    name: str = MISSING
    mean: list[float] = field(default_factory=lambda: [0.5, 0.5, 0.5])
    layer: int | None = None
    order: Order = Order.rgb


@dataclass
class Optimizer:
    lr: float = 1e-3
    warmup_steps: int = 10
    betas: tuple[float, float] = (0.9, 0.999)


@dataclass
class Recipe:
    output: Path = MISSING
    steps: int = 100
    compile: bool = False
    kind: Literal["none", "phis"] = "phis"
    optimizer: Optimizer = field(default_factory=Optimizer)
    teachers: list[Teacher] = field(default_factory=list)
    weights: dict[str, float] = field(default_factory=dict)
    warm_start: Teacher | None = None
    note: str | None = None

    def __post_init__(self):
        if self.steps <= 0:
            raise ValueError(f"steps is {self.steps}, expected at least 1")


FULL = """
output: runs/a
steps: 7
optimizer:
  lr: 1e-4
  betas: [0.8, 0.95]
teachers:
  - name: dino
    mean: [0, 1, 1e-1]
  - {name: mobile, layer: 3, order: bgr}
weights: {data.one: 2, two: 0.5}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text)
    return path


def fails(folder: Path, text: str, *overrides: str) -> str:
    with pytest.raises(ValueError) as caught:
        load_recipe(Recipe, write(folder, text), list(overrides))
    return str(caught.value)


def test_file_fills_nested_dataclasses(tmp_path):
    assert load_recipe(Recipe, write(tmp_path, FULL), []) == Recipe(
        output=Path("runs/a"),
        steps=7,
        optimizer=Optimizer(lr=1e-4, betas=(0.8, 0.95)),
        teachers=[Teacher("dino", mean=[0.0, 1.0, 0.1]), Teacher("mobile", layer=3, order=Order.bgr)],
        weights={"data.one": 2.0, "two": 0.5},
    )


def test_overrides_win_over_the_file(tmp_path):
    overrides = [
        "optimizer.lr=1e-5",
        "teachers.0.name=other",
        "teachers.1.layer=null",
        "weights.three=3",
        "note=a=b",
        "optimizer.betas=[0.1,0.2]",
        "kind=none",
        "compile=true",
        "warm_start={name: y}",
        "warm_start.name=x",
    ]
    recipe = load_recipe(Recipe, write(tmp_path, FULL), overrides)
    assert recipe.optimizer == Optimizer(lr=1e-5, betas=(0.1, 0.2))
    assert recipe.teachers == [Teacher("other", mean=[0.0, 1.0, 0.1]), Teacher("mobile", order=Order.bgr)]
    assert recipe.weights == {"data.one": 2.0, "two": 0.5, "three": 3.0}
    assert (recipe.note, recipe.kind, recipe.compile) == ("a=b", "none", True)
    assert recipe.warm_start == Teacher("x")


def test_overrides_alone_and_a_list_replaced_whole():
    recipe = load_recipe(Recipe, None, ["output=o", "teachers=[{name: a}, {name: b}]", "teachers.1.layer=2"])
    assert recipe.teachers == [Teacher("a"), Teacher("b", layer=2)]


def test_saved_recipe_reads_back_equal(tmp_path):
    recipe = load_recipe(Recipe, write(tmp_path, FULL), ["note='1e-3'"])
    save_recipe(recipe, tmp_path / "saved.yaml")
    assert load_recipe(Recipe, tmp_path / "saved.yaml", []) == recipe
    assert "python" not in (tmp_path / "saved.yaml").read_text()  # no python object tags
    assert recipe_as_dict(recipe)["teachers"][1]["order"] == "bgr"
    assert recipe_as_dict({"out": Path("x"), "size": (1, 2)}) == {"out": "x", "size": [1, 2]}


@pytest.mark.parametrize(
    ("text", "unknown", "nearest"),
    [
        ("optimizer: {lrr: 1}", "optimizer.lrr", "did you mean 'optimizer.lr'?"),
        ("teachers: [{name: a}, {nam: b}]", "teachers.1.nam", "did you mean 'teachers.1.name'?"),
        ("warmup_step: 3", "warmup_step", "did you mean 'optimizer.warmup_steps'?"),
        ("ouptut: x", "ouptut", "did you mean 'output'?"),
        ("optimizer: {zzz: 1}", "optimizer.zzz", "valid keys here: optimizer.lr, optimizer.warmup_steps"),
    ],
)
def test_unknown_key_names_the_nearest(tmp_path, text, unknown, nearest):
    message = fails(tmp_path, text)
    assert f"recipe.yaml: unknown key {unknown!r}" in message and nearest in message


def test_unknown_key_in_an_override(tmp_path):
    assert "override 'optimizer.lrr=1': unknown key" in fails(tmp_path, FULL, "optimizer.lrr=1")
    assert "'steps' is int and has no such key" in fails(tmp_path, FULL, "steps.zzzzz=1")
    assert "did you mean 'teachers'?" in fails(tmp_path, FULL, "teacher.0.name=x")
    assert "'teachers.2' does not exist yet; set it whole" in fails(tmp_path, FULL, "teachers.2.name=x")
    assert "'warm_start' does not exist yet" in fails(tmp_path, FULL, "warm_start.name=x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("optimizer: {lr: fast}", "'optimizer.lr' is 'fast', expected float"),
        ("steps: 1.5", "'steps' is 1.5, expected int"),
        ("steps: true", "'steps' is True, expected int"),
        ("steps: null", "'steps' is None, expected int"),
        ("compile: 7.5", "'compile' is 7.5, expected bool"),
        ("teachers: [{name: a, layer: x}]", "'teachers.0.layer' is 'x', expected int"),
        ("teachers: [{name: a, mean: [1, x]}]", "'teachers.0.mean.1' is 'x', expected float"),
        ("teachers: 3", "'teachers' is 3, expected list"),
        ("teachers: [3]", "'teachers.0' is 3, expected keys of Teacher (name, mean, layer, order)"),
        ("teachers: {a: 1}", "'teachers' is {'a': 1}, expected list"),
        ("optimizer: 3", "'optimizer' is 3, expected keys of Optimizer"),
        ("optimizer: null", "'optimizer' is None, expected keys of Optimizer"),
        ("optimizer: {betas: [1, 2, 3]}", "'optimizer.betas' is [1, 2, 3], expected tuple[float, float]"),
        ("weights: {a: b}", "'weights.a' is 'b', expected float"),
        ("kind: pca", "'kind' is 'pca', expected one of 'none', 'phis'"),
        ("output: x\nsteps: 0", "steps is 0, expected at least 1"),
        ("steps: 3", "'output' is missing"),
        ("output: x\nteachers: [{layer: 1}]", "'teachers.0.name' is missing"),
        ("output: x\nnote: ${nothing}", "'note': Interpolation key 'nothing' not found"),
    ],
)
def test_wrong_value_names_key_value_and_type(tmp_path, text, message):
    error = fails(tmp_path, text)
    assert str(tmp_path / "recipe.yaml") in error and message in error


def test_wrong_value_in_an_override(tmp_path):
    assert "override 'steps=x': 'steps' is 'x', expected int" in fails(tmp_path, FULL, "steps=x")
    assert "expected key=value" in fails(tmp_path, FULL, "steps")
    assert "not valid YAML" in fails(tmp_path, FULL, "steps=[1")


def test_broken_files(tmp_path):
    assert "line 3: not valid YAML" in fails(tmp_path, "output: x\nsteps: 3\n  bad: 4")
    assert "line 2: not valid YAML: found duplicate key" in fails(tmp_path, "steps: 1\nsteps: 2")
    assert "the top level must be" in fails(tmp_path, "- a\n- b")
    assert "recipe.yaml" in fails(tmp_path, "just words")
    with pytest.raises(FileNotFoundError, match="nowhere.yaml"):
        load_recipe(Recipe, tmp_path / "nowhere.yaml", [])
    assert load_recipe(Recipe, write(tmp_path, ""), ["output=o"]).output == Path("o")


def test_every_key_of_the_distillation_recipe_is_documented():
    from zen_hf.recipes.distill import DistillRecipe

    text = (Path(__file__).resolve().parents[1] / "docs" / "recipes.md").read_text()
    section = text.split("## Keys of `zen-hf distill`")[1].split("\n## ")[0]
    documented = re.findall(r"^\| `([\w.]+)` \|", section, flags=re.MULTILINE)
    assert documented == list(recipe_keys(DistillRecipe)), "run `python docs/recipe_keys.py`"


def test_every_key_of_the_curation_recipe_is_documented():
    from zen_hf.recipes.curate import CurateRecipe

    text = (Path(__file__).resolve().parents[1] / "docs" / "curate.md").read_text()
    documented = re.findall(r"^\| `([\w.]+)` \|", text.split("All keys")[1], flags=re.MULTILINE)
    assert documented == list(recipe_keys(CurateRecipe)), "run `python docs/recipe_keys.py`"


def test_recipe_of_the_readme_is_valid(tmp_path):
    from zen_hf.recipes.distill import DistillRecipe

    text = (Path(__file__).resolve().parents[1] / "README.md").read_text()
    recipe = load_recipe(DistillRecipe, write(tmp_path, re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1]), [])
    assert [teacher.name for teacher in recipe.teachers] == ["dino", "cnn"]


def test_a_frozen_dataclass_can_be_overridden():
    @dataclass(frozen=True)
    class Settings:
        epochs: int = 5

    assert load_recipe(Settings, None, ["epochs=2"]) == Settings(2)
