# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Ranks and normalised scores over tasks, by hand; what is absent is named and counts in no mean."""

import json
import re

import pytest
from result_folders import write_result

from zen_hf.benchmark.report.all_tasks import all_tasks
from zen_hf.benchmark.report.entries import entries_of
from zen_hf.benchmark.report.markdown import results_markdown
from zen_hf.benchmark.report.radar import HEIGHT, RADIUS, WIDTH, place, radar
from zen_hf.benchmark.report.standings import absent_tasks, chance_of, standings
from zen_hf.benchmark.result_files import read_results
from zen_hf.benchmark.suites import SUITES

TASKS = ("cholecseg8k_semseg", "hamlyn_depth", "cholec80_phase", "endovis18_vqa")
CLASSES = {"zen": "ZenModel", "dino": "Dinov2Model", "other": "Dinov2Model"}
# task -> score of zen, dino, other, and chance
SCORES = {
    "cholecseg8k_semseg": (0.8, 0.7, 0.6, 0.2),
    "hamlyn_depth": (0.1, 0.2, 0.3, 0.4),  # an error
    "cholec80_phase": (0.5, 0.5, 0.4, 0.1),
    "endovis18_vqa": (0.3, 0.4, None, 0.1),  # other was not run
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Three encoders, one of them a ZEN, on four tasks, with the scores above."""
    root = tmp_path_factory.mktemp("suite")
    for task in TASKS:
        for model, score in zip(CLASSES, SCORES[task], strict=False):
            if score is None:
                continue
            folder = write_result(
                root / model / task,
                task,
                model=model,
                model_class=CLASSES[model],
                videos=3,
                runs=1,
                constant={"chance": 0},
            )
            path = folder / "summary.json"
            summary = json.loads(path.read_text())
            primary = summary["primary"]
            target = summary["targets"][primary["target"]]
            target["constant"]["chance"][primary["name"]] = SCORES[task][3]
            target["heads"]["linear"]["value"] = primary["value"] = score
            target["heads"]["linear"]["interval"] |= {"value": score, "low": score - 0.05, "high": score + 0.05}
            path.write_text(json.dumps(summary))
    return root


@pytest.fixture(scope="module")
def standing(made):
    [found] = standings(entries_of(read_results([made / model for model in CLASSES])))
    return found


def row(standing, task):
    return next(row for row in standing.rows if row.task == task)


def test_tasks_come_in_the_order_of_the_suite(standing):
    assert [row.task for row in standing.rows] == [task for task in SUITES["zen20"] if task in TASKS]
    assert standing.encoders == ("zen", "dino", "other")
    families = {row.task: row.family for row in standing.rows}
    assert families == dict(zip(TASKS, ("segmentation", "depth", "workflow", "questions"), strict=True))


def test_mean_ranks_over_common_tasks(standing):
    """Segmentation 1 2 3, depth 1 2 3 (lower is better), phases 1.5 1.5 3; the questions, which one lacks, are left out."""
    assert {row.task for row in standing.common} == set(TASKS[:3])
    assert standing.mean_ranks == pytest.approx({"zen": 3.5 / 3, "dino": 5.5 / 3, "other": 3})


def test_normalised_between_chance_and_the_best_encoder_that_is_no_zen(standing):
    """The reference is dino everywhere: (score - chance) / (dino - chance)."""
    wanted = {
        "cholecseg8k_semseg": (0.6 / 0.5, 1, 0.4 / 0.5),
        "hamlyn_depth": (0.3 / 0.2, 1, 0.1 / 0.2),
        "cholec80_phase": (1, 1, 0.3 / 0.4),
    }
    for task, values in wanted.items():
        assert row(standing, task).reference == "dino"
        found = [row(standing, task).normalised(name)[0] for name in standing.encoders]
        assert found == pytest.approx(values)
    means = [sum(of_task[index] for of_task in wanted.values()) / 3 for index in range(3)]
    assert list(standing.mean_normalised.values()) == pytest.approx(means)
    assert row(standing, "endovis18_vqa").normalised("other") is None
    value, ends = row(standing, "hamlyn_depth").normalised("zen")
    assert ends == pytest.approx((0.25 / 0.2, 0.35 / 0.2)) and ends[0] < value < ends[1]


def test_a_zen_or_a_guess_is_no_reference(made):
    [alone] = standings(entries_of(read_results([made / "zen"])))
    assert alone.mean_normalised == {} and alone.mean_ranks == {}
    text = all_tasks(entries_of(read_results([made / "zen"])))
    assert "No normalised score: no result of an encoder that is no ZEN" in text and "<polygon" not in text


def test_a_reference_at_chance_normalises_nothing(made, tmp_path, summary_change):
    entries = entries_of(read_results([made / model for model in ("zen", "dino")]))
    dino = next(entry for entry in entries if (entry.task, entry.encoder) == ("hamlyn_depth", "dino"))
    dino.summary["targets"]["depth"]["heads"]["linear"]["value"] = 0.4
    [found] = standings(entries)
    assert row(found, "hamlyn_depth").normalised("zen") is None
    assert "hamlyn_depth" not in [row.task for row in found.normalisable]
    assert "for want of a chance, of a reference, or of a reference above chance: hamlyn_depth." in all_tasks(entries)


def test_a_diagnostic_counts_in_no_mean(made):
    entries = entries_of(read_results([made / model for model in CLASSES]))
    for entry in entries:
        if entry.task == "cholec80_phase":
            entry.primary["diagnostic"] = True
    [found] = standings(entries)
    assert row(found, "cholec80_phase").scores == {} and len(found.common) == 2
    assert all_tasks(entries).count(">diagnostic</span>") == 3


def rename_head(entry, head):
    """The same scores by another head."""
    target = entry.summary["targets"][entry.primary["target"]]
    target["heads"] = {head: target["heads"].pop("linear")}
    entry.primary["head"] = head


def test_heads_of_different_kinds_are_named_and_not_ranked(made):
    entries = entries_of(read_results([made / model for model in CLASSES]))
    heads = dict(zip(CLASSES, ("text", "transfer:m2cai16_phase", "text:siglip"), strict=True))
    for entry in entries:
        if entry.task == "cholec80_phase":
            rename_head(entry, heads[entry.encoder])
    [found] = standings(entries)
    phases = row(found, "cholec80_phase")
    assert not phases.comparable and phases.normalised("zen") is None
    assert {row.task for row in found.common} == set(TASKS[:2])
    assert found.mean_ranks == pytest.approx({"zen": 1, "dino": 2, "other": 3})
    text, markdown = all_tasks(entries), results_markdown(entries)
    said = ("text prompts", "head of m2cai16_phase", "text prompts, adaptor siglip")
    line = next(line for line in text.splitlines() if "cholec80_phase</a>" in line)
    assert all(f"<br><span class=note>{words}</span>" in line for words in said)
    other = next(line for line in text.splitlines() if "hamlyn_depth</a>" in line)
    assert "<span class=note>linear</span>" not in other
    assert (
        "In no rank and no mean, as heads differ: cholec80_phase." in text and "f1_b_video_mean; heads differ<" in text
    )
    cells = " | ".join(
        f"{score:.3f} ({score - 0.05:.3f} to {score + 0.05:.3f}; clean; {words})"
        for score, words in zip(SCORES["cholec80_phase"], said, strict=False)
    )
    assert f"| cholec80_phase | {cells} |" in markdown


def test_text_prompts_of_two_adaptors_are_one_kind(made):
    entries = entries_of(read_results([made / model for model in CLASSES]))
    for entry in entries:
        if entry.task == "cholec80_phase":
            rename_head(entry, f"text:{entry.encoder}")
    [found] = standings(entries)
    assert row(found, "cholec80_phase") in found.common and "as heads differ" not in all_tasks(entries)
    assert "text prompts, adaptor dino" in all_tasks(entries)


@pytest.mark.parametrize(
    ("of_few", "chance"),
    [
        ((), ("majority", "question_majority", "question_only")),
        (("question_only",), ("question_only@2",)),
        (("majority", "question_majority", "question_only"), ("majority@2", "question_majority@2", "question_only@2")),
    ],
)
def test_few_questions_are_measured_against_a_baseline_of_few(of_few, chance, tmp_path):
    """Those of all videos are left out as soon as there is one of as few."""
    heads = ("fusion@2", *(f"{name}@2" for name in of_few))
    constant = dict(zip(("chance", "majority", "question_majority", "question_only"), (0, 0.1, 0.3, 3), strict=True))
    folder = write_result(tmp_path / "a", "endovis18_vqa", "few_shot", heads=heads, videos=3, constant=constant)
    [entry] = entries_of(read_results([folder]))
    target = entry.summary["targets"]["answer"]
    known = {name: scores[entry.primary["name"]] for name, scores in target["constant"].items()}
    known |= {name: head["value"] for name, head in target["heads"].items()}
    assert chance_of(entry) == max(known[name] for name in ("chance", *chance))


def test_absent_is_named_and_never_zero(made):
    entries = entries_of(read_results([made / model for model in CLASSES]))
    absent = absent_tasks(entries)
    assert len(absent) == 16 and "scared_depth" in absent and not set(absent) & set(TASKS)
    text = all_tasks(entries)
    assert (
        f"Absent: 16 tasks of the suite zen20 have no result here and count in no mean: {', '.join(absent)}." in text
    )
    lines = [line for line in text.splitlines() if "endovis18_vqa</a>" in line]
    assert len(lines) == 1 and lines[0].endswith("<td><span class=note>absent</span></td></tr>")
    assert ">0.000<" not in text
    assert re.search(r"Mean rank, 3 tasks.*?<td><data value=\"1\.16", text)
    depth = next(line for line in text.splitlines() if "hamlyn_depth</a>" in line)
    assert "↓ lower is better" in depth and '<data value="0.1">' in depth


def test_markdown_says_the_same(made):
    text = results_markdown(entries_of(read_results([made / model for model in CLASSES])))
    assert "| hamlyn_depth ↓ | 0.100 (0.050 to 0.150; clean) | 0.200 (0.150 to 0.250; clean) |" in text
    assert "| endovis18_vqa | 0.300 (0.250 to 0.350; clean) | 0.400 (0.350 to 0.450; clean) | absent |" in text
    assert "| Mean rank, tasks: 3 | 1.167 | 1.833 | 3.000 |" in text
    assert "Absent of the suite zen20: autolaparo_phase, " in text


def test_one_task_has_no_section_of_its_own(made):
    assert (
        all_tasks(entries_of(read_results([made / "zen" / "cholec80_phase", made / "dino" / "cholec80_phase"]))) == ""
    )


def test_radar_goes_from_chance_to_the_best():
    axes = {"a": {"x": 1.0}, "b": {"x": 0.0}, "c": {"x": 5.0}, "d": {"x": -3.0}}
    drawn = re.findall(r"<circle fill='#000' cx=([\d.]+) cy=([\d.]+)", radar("t", axes, {"x": "#000"}))
    points = [(float(x) - WIDTH / 2, float(y) - HEIGHT / 2 - 8) for x, y in drawn]
    assert points == [
        (0, -RADIUS / 2),
        (0, 0),
        (0, RADIUS),
        (0, 0),
    ]  # axes end at 2, and nothing lies beyond their ends
    assert place(0.0, 0.5) == f"{WIDTH / 2:.1f},{HEIGHT / 2 + 8 - RADIUS / 2:.1f}"
