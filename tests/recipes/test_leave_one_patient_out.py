# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What leave-one-patient-out asks of a distillation, row by row."""

from pathlib import Path

import pytest

import zen_hf.recipes
from zen_hf.recipe_configuration import load_recipe
from zen_hf.recipes.leave_one_patient_out import LeaveOnePatientOutRecipe, recipe_without

FOLDER = Path(zen_hf.recipes.__file__).parent


@pytest.fixture(params=["leave_one_patient_out.yaml", "ablation_real.yaml"])
def config(request):
    return load_recipe(LeaveOnePatientOutRecipe, FOLDER / request.param, ["output=runs/real"])


def test_every_trained_row_of_the_shipped_recipes_holds_out_its_patient(config):
    for row in config.students:
        if row.trained:
            recipe = recipe_without(config, row, "VID70")
            assert recipe.hold_out == ["VID70"] and recipe.output == f"runs/real/{row.name}/without-VID70"
            assert recipe.training.steps == row.training.steps


def test_rows_may_differ_in_teachers_and_standardisation():
    config = load_recipe(LeaveOnePatientOutRecipe, FOLDER / "ablation_real.yaml", ["output=runs/real"])
    rows = {row.name: recipe_without(config, row, "VID70") for row in config.students if row.trained}
    assert {name: [teacher.name for teacher in recipe.teachers] for name, recipe in rows.items()} == {
        "phis": ["dinov2", "mobilenet"],
        "raw": ["dinov2", "mobilenet"],
        "only-dinov2": ["dinov2"],
        "only-mobilenet": ["mobilenet"],
    }
    methods = {name: recipe.standardisation.patches for name, recipe in rows.items()}
    assert methods == {"phis": "phis", "raw": "none", "only-dinov2": "phis", "only-mobilenet": "phis"}
    # rows differ in nothing else
    assert len({str((r.student, r.losses, r.optimizer, r.training, r.views)) for r in rows.values()}) == 1


def test_an_unknown_teacher_is_named():
    with pytest.raises(ValueError, match="row 'phis' has the teachers sam; expected dinov2, mobilenet"):
        load_recipe(LeaveOnePatientOutRecipe, FOLDER / "ablation_real.yaml", ["output=x", "students.1.teachers=[sam]"])
