# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Metadata reads back with huggingface_hub, number for number."""

import json

import pytest
import yaml
from huggingface_hub import ModelCard, parse_eval_result_entries
from huggingface_hub.repocard_data import model_index_to_eval_results
from result_folders import write_result

from zen_hf.benchmark.report.entries import entries_of
from zen_hf.benchmark.report.hub_results import folder_name, hub_files
from zen_hf.benchmark.result_files import read_results


@pytest.fixture(scope="module")
def files(results):
    return {str(path): text for path, text in hub_files(entries_of(read_results([results]))).items()}


def stored(results, *place):
    return json.loads(results.joinpath(*place, "summary.json").read_text())


def test_a_folder_for_every_encoder(files):
    assert sorted(path for path in files if path.startswith("other/")) == [
        "other/.eval_results/cholec80_phase_few_shot_2_a--split.yaml",
        "other/.eval_results/cholec80_phase_few_shot_4_a--split.yaml",
        "other/.eval_results/cholec80_phase_frozen_a--split.yaml",
        "other/model-index.yaml",
    ]
    assert {path.split("/")[0] for path in files} == {"zen", "other"}


def test_model_index_reads_back(files, results):
    name, found = model_index_to_eval_results(yaml.safe_load(files["zen/model-index.yaml"])["model-index"])
    assert name == "zen"
    by_task = {}
    for result in found:
        by_task.setdefault(result.task_name, []).append(result)
    assert {task: len(of_task) for task, of_task in by_task.items()} == {
        "cholec80_phase (phase)": 3,  # frozen, and two numbers of videos
        "cholec80_tool (tool)": 1,
        "cholect50_triplet (triplet)": 1,
    }
    frozen = by_task["cholec80_phase (phase)"][0]
    primary = stored(results, "zen", "cholec80_phase", "frozen")["primary"]
    assert frozen.metric_type == primary["name"] == "f1_b_video_mean" and frozen.metric_value == primary["value"]
    assert frozen.metric_args["interval_95"] == primary["interval"] and frozen.metric_args["leakage"] == "clean"
    assert (frozen.dataset_name, frozen.dataset_type, frozen.dataset_split) == ("Cholec80", "cholec80", "test")
    assert frozen.metric_config == "frozen, linear"


def test_a_card_takes_it(files):
    card = ModelCard(f"---\n{files['zen/model-index.yaml']}license: apache-2.0\n---\n# ZEN\n")
    again = ModelCard(str(card))
    assert again.data.model_name == "zen" and len(again.data.eval_results) == 5


def test_eval_results_read_back(files, results):
    [entry] = parse_eval_result_entries(
        yaml.safe_load(files["other/.eval_results/cholec80_phase_few_shot_4_a--split.yaml"])
    )
    head = stored(results, "other", "cholec80_phase", "few_shot")["targets"]["phase"]["heads"]["linear@4"]
    assert (entry.dataset_id, entry.task_id, entry.value) == ("zen-hf/cholec80_phase", "phase", head["value"])
    for said in ("f1_b_video_mean", "few_shot, linear, 4 videos", "10 test videos", "leakage seen_unlabelled"):
        assert said in entry.notes


def test_miniatures_are_never_written(tmp_path):
    write_result(tmp_path / "small", videos=3, split="cholec80_40_8_32 (miniature)")
    assert hub_files(entries_of(read_results([tmp_path]))) == {}


def test_nearest_neighbours_are_never_written(tmp_path):
    write_result(tmp_path / "alone", protocol="zero_shot", heads=("knn",), videos=3)
    assert hub_files(entries_of(read_results([tmp_path]))) == {}
    heads = ("transfer:m2cai16_phase", "knn")
    write_result(tmp_path / "both", "cholec80_phase", "zero_shot", model="other", heads=heads, videos=3)
    files = hub_files(entries_of(read_results([tmp_path])))
    assert {path.parts[0] for path in files} == {"other"}
    text = "".join(files.values())
    assert "head of m2cai16_phase" in text and "neighbours" not in text


def test_baselines_of_an_unfinished_run_are_never_written(tmp_path):
    write_result(tmp_path / "run" / "baselines" / "raw_pixels", model="raw pixels", videos=3)
    entries = entries_of(read_results([tmp_path]))
    assert len(entries) == 1 and hub_files(entries) == {}


def test_folder_names():
    assert folder_name("org/model name") == "org--model--name"
    assert folder_name("../../etc") == "etc" and folder_name("/") == "encoder"


def test_kinds_of_targets_are_named_as_the_hub_names_them(tmp_path):
    wanted = {
        "cholecseg8k_semseg": "image-segmentation",
        "grasp_det": "object-detection",
        "hamlyn_depth": "depth-estimation",
        "endovis18_vqa": "visual-question-answering",
    }
    for task in wanted:
        write_result(tmp_path / task, task, videos=2, runs=1)
    text = hub_files(entries_of(read_results([tmp_path])))
    [index] = [yaml.safe_load(of) for path, of in text.items() if path.name == "model-index.yaml"]
    found = {each["task"]["name"].split(" ")[0]: each["task"]["type"] for each in index["model-index"][0]["results"]}
    assert found == wanted
