# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Every workflow task comes with prompts for every label, and a file that does not fit is refused by name."""

import copy
import json

import pytest

from zen_hf.benchmark.task import load_task, task_names
from zen_hf.benchmark.text_prompts import FOLDER, has_prompts, load_prompts, prompts_file

PROMPTED = [name for name in task_names() if has_prompts(name)]


def test_which_tasks_have_prompts():
    phases = [f"{name}_phase" for name in ("autolaparo", "cholec80", "grasp", "m2cai16", "multibypass140")]
    others = ["cholec80_cvs", "cholec80_tool", "cholect50_tool", "cholect50_triplet", "endoscapes_cvs"]
    assert set(PROMPTED) >= {*phases, *others, "cholect50_val_triplet"}
    assert {file.stem for file in FOLDER.glob("*.json")} == set(PROMPTED)


@pytest.mark.parametrize("name", PROMPTED)
def test_every_label_has_paraphrases_of_its_own(name):
    task = load_task(name)
    prompts = load_prompts(task)
    assert prompts.name == name and prompts.version >= 1 and len(prompts.sha256) == 64
    for target in task.targets:
        words = prompts.targets[target.name]
        if words.product_of:
            continue
        assert words.sets >= 3 and tuple(words.present) == target.labels
        texts = [text for label in target.labels for text in words.present[label]]
        assert len(set(texts)) == len(texts)  # no two classes can be told apart by the same words
        assert bool(words.absent) == (target.kind == "multi_label")
        assert not set(texts) & {text for paraphrases in words.absent.values() for text in paraphrases}


def content() -> dict:
    return json.loads((FOLDER / "cholec80_tool.json").read_text())


def written(tmp_path, change) -> str:
    changed = copy.deepcopy(content())
    change(changed)
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(changed))
    return path


def test_a_users_own_file(tmp_path):
    def reword(file):
        file["name"], file["version"] = "mine", 7
        file["targets"]["tool"]["present"] = {k: [f"my {k}"] for k in file["targets"]["tool"]["present"]}
        file["targets"]["tool"]["absent"] = ["nothing of mine"]

    task = load_task("cholec80_tool")
    mine = load_prompts(task, written(tmp_path, reword))
    assert (mine.name, mine.version, mine.targets["tool"].sets) == ("mine", 7, 1)
    assert mine.targets["tool"].absent["Hook"] == ("nothing of mine",)
    assert mine.sha256 != load_prompts(task).sha256


def test_a_folder_holds_a_file_per_task(tmp_path):
    written(tmp_path, lambda file: None).rename(tmp_path / "cholec80_tool.json")
    assert prompts_file(tmp_path, "cholec80_tool") == tmp_path / "cholec80_tool.json"
    assert prompts_file(tmp_path / "cholec80_tool.json", "any") == tmp_path / "cholec80_tool.json"
    assert prompts_file(None, "cholec80_tool") is None
    with pytest.raises(FileNotFoundError, match="cholec80_phase.json"):  # never ours instead
        load_prompts(load_task("cholec80_phase"), prompts_file(tmp_path, "cholec80_phase"))


def test_the_hash_is_of_the_words_alone(tmp_path):
    task = load_task("cholec80_tool")
    path = tmp_path / "other.json"
    path.write_text(json.dumps(content() | {"name": "other"}, indent=7))
    assert load_prompts(task, path).sha256 == load_prompts(task).sha256


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f["targets"]["tool"]["present"].pop("Hook"), r"labels without prompts: \['Hook'\]"),
        (
            lambda f: f["targets"]["tool"]["present"].update({"Hok": ["a"] * 3}),
            r"prompts without a label: \['Hok'\] \(did you mean 'Hook'\?\)",
        ),
        (lambda f: f["targets"]["tool"]["present"]["Hook"].pop(), "numbers of prompts differ"),
        (lambda f: f["targets"]["tool"]["absent"].pop(), "other numbers of absent than of present"),
        (lambda f: f["targets"]["tool"].pop("absent"), "of the kind multi_label, needs absent prompts"),
        (lambda f: f["targets"]["tool"]["present"].update({"Hook": "a hook"}), "expected a list of texts"),
        (lambda f: f["targets"]["tool"].update({"weights": []}), r"has the keys \['weights'\]"),
        (lambda f: f["targets"].pop("tool"), r"no prompts for the targets \['tool'\]"),
        (lambda f: f.pop("version"), "expected the keys name, targets, version"),
        (lambda f: f["targets"].update({"tool": {"same_as": "cholec80_phase/tool"}}), "has the targets"),
        (
            lambda f: f["targets"].update({"tool": {"product_of": ["verb"]}}),
            r"without prompts of their own are \['verb'\]",
        ),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        load_prompts(load_task("cholec80_tool"), written(tmp_path, change))


def test_no_file_and_no_json(tmp_path):
    with pytest.raises(FileNotFoundError, match="give a file of your own, or a task with ours: autolaparo_phase"):
        load_prompts(load_task("sarrarp50_gesture"))
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(ValueError, match="is no JSON"):
        load_prompts(load_task("cholec80_tool"), tmp_path / "broken.json")


def test_one_class_per_frame_has_no_absent_prompts(tmp_path):
    phases = json.loads((FOLDER / "cholec80_phase.json").read_text())
    phases["targets"]["phase"]["absent"] = ["something else"] * 3
    (tmp_path / "phases.json").write_text(json.dumps(phases))
    with pytest.raises(ValueError, match="one class is always there"):
        load_prompts(load_task("cholec80_phase"), tmp_path / "phases.json")
