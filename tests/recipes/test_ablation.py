# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The ablation end to end in seconds, its tables, and two of its findings in miniature."""

import json
from dataclasses import replace

import pytest

from zen_hf.data.views import ViewSpec
from zen_hf.distillation.calibration import StandardisationSpec
from zen_hf.distillation.monitors.resolution_fidelity import resolution_fidelity
from zen_hf.distillation.objective import LossSpec
from zen_hf.distillation.optimisation import OptimizerSpec
from zen_hf.distillation.student import StudentSpec
from zen_hf.distillation.training_spec import TrainingSpec
from zen_hf.recipes.ablation import AblationRecipe, AblationRow, ablation, row_recipe
from zen_hf.recipes.ablation_table import markdown
from zen_hf.recipes.taught_surgery import SurgeryBudget

RAW = {"standardisation.patches": "none", "standardisation.summary": "none"}
BOTH = {"student.image_sizes": [16, 64]}
PARTED = BOTH | {"teachers.0.image_sizes": [16], "teachers.1.image_sizes": [64]}


def tiny_ablation(output, rows, **changes) -> AblationRecipe:
    size = {
        "patch_size": 8,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
    }
    recipe = AblationRecipe(
        output=str(output),
        rows=rows,
        seeds=[0],
        surgery=SurgeryBudget(
            teacher_videos=2,
            unlabelled_videos=3,
            probe_videos=3,
            test_videos=2,
            frames_per_video=6,
            probe_frames_per_video=4,
            teacher_steps={"what": 1, "where": 1, "far": 1},
            teacher_batch_size=4,
        ),
        student=StudentSpec(variant="tiny", config=size, adaptor_size=16),
        views=ViewSpec(image_size=64, scale=[1.0, 1.0], ratio=[1.0, 1.0], fixed=1, mask_border=False),
        standardisation=StandardisationSpec(views=12),
        losses=LossSpec(summary_angle=0.0),
        optimizer=OptimizerSpec(name="muon"),
        training=TrainingSpec(steps=2, batch_size=4, precision="no", workers=0, checkpoint_every=1000),
    )
    return replace(recipe, **changes)


@pytest.mark.slow
def test_every_row_and_control_is_measured_and_a_stopped_command_goes_on(tmp_path, capsys):
    rows = [
        AblationRow("only far", teachers=["far"]),
        AblationRow("shuffled", shuffled_targets=True),
        AblationRow("untrained", untrained_teachers=True, changes=PARTED),
    ]
    config = tiny_ablation(tmp_path, rows)
    measured = ablation(config)
    controls = ["raw pixels", "random trunk", "teacher what", "teacher where", "teacher far"]
    assert list(measured) == [*controls, *(row.name for row in rows)]
    for (seed,) in measured.values():
        assert set(seed["scores"]) == set(seed["ridge_fvu"]) == {"what", "where", "far"}
    assert measured["teacher far"][0]["ridge_fvu"]["far"] < 1e-3
    assert set(measured["only far"][0]["heads"]["64"]["head_fvu"]) == {"far"}
    assert set(measured["untrained"][0]["heads"]) == {"16", "64"}
    table = (tmp_path / "table.md").read_text()
    assert table in capsys.readouterr().out and all(f"| {name} |" in table for name in measured)

    (tmp_path / "summary.json").unlink()  # as if it had been stopped in the middle of the last row
    (tmp_path / "seed-0" / "measurements" / "untrained.json").unlink()
    assert ablation(config) == measured
    messages = [json.loads(line)["message"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert sum(message.endswith("measured before") for message in messages) == len(rows) - 1


@pytest.fixture(scope="module")
def miniature(tmp_path_factory):
    """What four students of two teachers, of scales 0.03 and 5.5, know after 160 steps."""
    pair = ["what", "where"]
    rows = [
        AblationRow("phis", teachers=pair),
        AblationRow("raw", teachers=pair, changes=RAW),
        AblationRow("both", teachers=pair, changes=BOTH),
        AblationRow("parted", teachers=pair, changes=PARTED),
    ]
    config = tiny_ablation(
        tmp_path_factory.mktemp("miniature"),
        rows,
        scales={"what": 0.03, "where": 5.5, "far": 1.0},
        surgery=SurgeryBudget(
            teacher_videos=24,
            unlabelled_videos=40,
            probe_videos=12,
            test_videos=12,
            frames_per_video=12,
            probe_frames_per_video=6,
            teacher_steps={"what": 100, "where": 40, "far": 1},
            teacher_batch_size=24,
        ),
        standardisation=StandardisationSpec(views=256),
        optimizer=OptimizerSpec(name="muon", lr=4e-3),
        training=TrainingSpec(steps=160, batch_size=16, precision="no", workers=0, checkpoint_every=1000),
    )
    config.student.config |= {"intermediate_size": 128, "num_hidden_layers": 3, "num_attention_heads": 2}
    config.student.adaptor_size, config.student.whiten_patches = 64, True
    return {name: seeds[0] for name, seeds in ablation(config).items()}


@pytest.mark.slow
def test_raw_squared_errors_starve_the_teacher_of_the_small_scale(miniature):
    phis, raw, random = (miniature[name] for name in ("phis", "raw", "random trunk"))
    assert raw["scores"]["what"] < phis["scores"]["what"] - 0.03
    assert raw["ridge_fvu"]["what"] > phis["ridge_fvu"]["what"] + 0.04
    assert raw["heads"]["64"]["head_fvu"]["what"] > 1.1 * phis["heads"]["64"]["head_fvu"]["what"]
    # the other teacher does not starve: both trunks hold much more of it than a random one
    assert max(phis["ridge_fvu"]["where"], raw["ridge_fvu"]["where"]) < random["ridge_fvu"]["where"] - 0.1


@pytest.mark.slow
def test_teachers_partitioned_by_size_switch_the_students_mode(miniature):
    both, parted = (
        {size: miniature[name]["heads"][size]["head_fvu"] for size in ("16", "64")} for name in ("both", "parted")
    )
    # where a teacher was not heard, its head fails; where it was, it does as well as with all teachers
    assert parted["64"]["what"] > 1.3 * both["64"]["what"] and parted["16"]["where"] > 2 * both["16"]["where"]
    assert parted["16"]["what"] < 1.15 * both["16"]["what"] and parted["64"]["where"] < 1.15 * both["64"]["where"]
    alarms = {
        name: resolution_fidelity({int(size): values[name] for size, values in parted.items()}).alarms
        for name in ("what", "where")
    }
    assert alarms == {"what": (64,), "where": (16,)}


def test_a_row_changes_the_recipe_by_dotted_keys(tmp_path):
    row = AblationRow("a row", changes=PARTED | RAW | {"optimizer.lr": 1e-4}, shuffled_targets=True)
    config = tiny_ablation(tmp_path, [row])
    recipe = row_recipe(config, seed=3, row=row)
    assert recipe.seed == 3 and recipe.optimizer.lr == 1e-4 and recipe.standardisation.patches == "none"
    assert [teacher.image_sizes for teacher in recipe.teachers] == [[16], [64], []]
    assert recipe.training.cache.endswith("shuffled") and recipe.output.endswith("a-row")
    assert config.training.cache is None  # rows do not share what one of them changes
    with pytest.raises(ValueError, match="did you mean 'optimizer.lr'"):
        row_recipe(config, seed=3, row=AblationRow("wrong", changes={"optimizer.lrr": 1}))


def test_what_makes_no_table_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected what, where, far"):
        AblationRow("x", teachers=["near"])
    with pytest.raises(ValueError, match="a name of its own"):
        tiny_ablation(tmp_path, [AblationRow("x"), AblationRow("x")])
    with pytest.raises(ValueError, match="expected one size"):
        tiny_ablation(tmp_path, [], views=ViewSpec(image_size=32))


def test_the_table_holds_means_half_ranges_and_retention():
    def seed(score, fvu, sizes=("64",)):
        each = dict.fromkeys(("what", "where", "far"), fvu)
        heads = {size: {"head_fvu": each, "head_fvu_pos": {"what": 2 * fvu}} for size in sizes}
        return {"scores": dict.fromkeys(each, score), "ridge_fvu": each, "heads": heads}

    control = {"scores": dict.fromkeys(("what", "where", "far"), 0.2), "ridge_fvu": {"what": 1.5}}
    teacher = {"scores": dict.fromkeys(("what", "where", "far"), 1.2), "ridge_fvu": {"what": 0.0}}
    rows = {
        "random": [control, control],
        "own": [teacher, teacher],
        "student": [seed(0.6, 0.1, ("32", "64")), seed(0.8, 0.3, ("32", "64"))],
    }
    first, second, third = markdown(rows, "random", dict.fromkeys(("what", "where", "far"), "own")).split("\n\n| row")[
        1:
    ]
    cell = ".700 ± .100 (50 ± 10 %)"
    assert f"| student | {cell} | {cell} | {cell} |" in first and "| own | 1.200 ± .000 |" in first
    readings = ".200 ± .100 | " * 6 + ".400 ± .200 | - | - |"
    assert f"| student | {readings}" in second and "| random | 1.500 ± .000 | - |" in second
    assert third.count("|\n") == 3 and third.count(".200 ± .100") == 6
