# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Pictures show what was predicted, pixel by pixel, with the score of that very frame; frames come from the data alone."""

import base64
import io
import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from faster_coco_eval.core import mask as run_lengths
from html_page import Page
from PIL import Image
from result_folders import write_result

from zen_hf.benchmark.dense.pictures import IGNORE, Instances, from_bytes, to_bytes
from zen_hf.benchmark.miniatures.write import write_miniature
from zen_hf.benchmark.report.class_bars import class_table, type_table
from zen_hf.benchmark.report.dataset_frames import DatasetFrames
from zen_hf.benchmark.report.drawn_pictures import (
    DARK,
    UNKNOWN,
    WIDTH,
    depth_colours,
    depth_picture,
    instances_picture,
    mask_picture,
    shrunk,
)
from zen_hf.benchmark.report.entries import entries_of
from zen_hf.benchmark.report.gallery import SHOWN_FRAMES, chosen_places, class_colours, gallery, nothing_drawn
from zen_hf.benchmark.report.page import results_page
from zen_hf.benchmark.report.questions import chosen_rows, questions
from zen_hf.benchmark.result_files import read_results
from zen_hf.benchmark.task import load_task
from zen_hf.recipes.results_report import results_report

DENSE_TASKS = ("cholecseg8k_semseg", "dsad_semseg", "grasp_insseg", "grasp_det", "hamlyn_depth", "sinus_depth")
RED, GREEN = "#FF0000", "#00FF00"


def entry_of(folder):
    [entry] = entries_of(read_results([folder]))
    return entry


def pictures(text):
    """The pictures of a page with their alternative texts, and each strip's words."""
    found = re.findall(r"<img src='data:image/webp;base64,([^']+)'[^>]*alt='([^']*)'", text)
    return {alt: np.array(Image.open(io.BytesIO(base64.b64decode(content)))) for content, alt in found}


@pytest.mark.parametrize("task", DENSE_TASKS)
def test_each_frame_says_its_own_score(task, tmp_path):
    """Of results with one frame per video, the metric's score of the video is that of the frame."""
    entry = entry_of(write_result(tmp_path / "a", task, model="zen", videos=2, runs=1))
    name = entry.primary["target"]
    target = entry.result.target(name)
    drawn = pictures(text := gallery([entry], name, None))
    frames = [(video, index) for video in ("video49", "video50") for index in (0, 2, 3)]
    assert len(drawn) == 12  # a truth and a prediction of each frame
    truth, said = entry.result.dense_truth(name), entry.result.outputs(name, "linear")
    words = re.findall(rf"<span class=note>zen: {target.score} (\S+)</span>", text)
    for (video, index), word in zip(frames, words, strict=True):
        alone = target.metric.video_statistics(
            [from_bytes(target.kind, said[video][index])],
            [from_bytes(target.kind, truth[video][index])],
            ["x"],
            **target.settings,
        )
        value = target.metric.summarise(alone)["per_video"]["x"][target.score]
        assert word == ("undefined" if value is None else f"{value:.3f}")


def test_masks_have_the_colours_of_their_classes():
    classes = np.array([[0, 1], [2, IGNORE]], np.uint8)
    drawn = mask_picture(classes, ("#123456", RED, GREEN), None)
    assert drawn[0].tolist() == [list(DARK), [255, 0, 0]] and drawn[1, 0].tolist() == [0, 255, 0]
    assert drawn[1, 1].tolist() == list(UNKNOWN)
    frame = np.full((2, 2, 3), 100, np.uint8)
    over = mask_picture(classes, ("#123456", RED, GREEN), frame)
    assert over[0].tolist() == [[100, 100, 100], [193, 40, 40]]  # 40 % of the frame, 60 % of the colour


def test_instances_are_outlined_and_those_of_low_score_left_out():
    mask = np.zeros((40, 60), bool)
    mask[20:35, 10:30] = True
    code = run_lengths.encode(np.asfortranarray(mask, np.uint8))["counts"]
    found = Instances(
        (40, 60),
        np.array([[10, 20, 20, 15], [40, 20, 10, 10]], np.float32),
        np.array([0, 1]),
        (code, code),
        np.array([0.9, 0.1], np.float32),
    )
    drawn = instances_picture(found, (RED, GREEN), None)
    assert drawn[34, 20].tolist() == [255, 0, 0]  # the outline
    assert drawn[28, 20].tolist() == [
        int(0.65 * side + 0.35 * red) for side, red in zip(DARK, (255, 0, 0), strict=True)
    ]
    assert not (drawn == (0, 255, 0)).all(axis=2).any()
    assert (drawn[9:20, 11:40] > 180).all(axis=2).any()  # its score is written above its box


def test_instances_of_low_score_are_counted_below_their_picture():
    scores = np.array([0.25, 0.1], np.float32)
    found = Instances((40, 60), np.zeros((2, 4), np.float32), np.array([0, 1]), None, scores)
    assert nothing_drawn(found) == "; none of 2 has a score of 0.3, the best 0.250"
    assert nothing_drawn(replace(found, scores=scores + 0.1)) == ""
    assert nothing_drawn(np.zeros((4, 6), np.uint8)) == ""


def test_depth_has_one_scale_and_few_known_places_are_dots():
    depth = np.tile(np.linspace(10, 20, 50), (40, 1)).astype(np.float32)
    depth[:5] = 0
    drawn = depth_picture(depth, 10, 20)
    assert (drawn[:5] == UNKNOWN).all() and (drawn[5:] == depth_colours(depth[5:], 10, 20)).all()
    few = np.zeros((40, 50), np.float32)
    few[20, 30] = 20
    dots = depth_picture(few, 10, 20)
    assert (dots[19:22, 29:32] == depth_colours(np.array([20.0]), 10, 20)).all()
    assert (dots != UNKNOWN).any(axis=2).sum() == 9


def test_large_pictures_shrink_without_distortion():
    assert shrunk(np.zeros((480, 854))).shape == (169, WIDTH) and shrunk(np.zeros((30, 40))).shape == (30, 40)


def test_first_middle_and_last_frames_of_few_videos_middle_ones_of_many():
    assert chosen_places({"a": [0, 1, 2, 3, 4], "b": [7]}) == [("a", 0), ("a", 2), ("a", 4), ("b", 7)]
    many = chosen_places({f"v{number:02d}": [0, 1, 2] for number in range(20)} | {"w": []})
    assert len(many) == SHOWN_FRAMES and {index for _, index in many} == {1} and len({v for v, _ in many}) == 6


def test_a_prediction_up_to_scale_is_drawn_as_it_is_scored(tmp_path):
    """Three times the truth is the truth, to the eye and to the score."""
    folder = write_result(tmp_path / "a", "hamlyn_depth", model="zen", videos=1, runs=1)
    entry = entry_of(folder)
    outputs = entry.result.dense_truth("depth")
    tripled = {v: [to_bytes("depth", 3 * from_bytes("depth", x) + 1e-3) for x in of] for v, of in outputs.items()}
    object.__setattr__(entry.result, "outputs", lambda *_: tripled)
    drawn = pictures(gallery([entry], "depth", None))
    assert len(drawn) == 6
    for when in ("0.00 s", "2.00 s", "3.00 s"):
        right, said = (drawn[f"video49, {when}, {name}"] for name in ("truth", "zen: abs_rel_median_scaled 0.000"))
        known = (right != UNKNOWN).any(axis=2)
        assert np.abs(right[known].astype(int) - said[known]).max() <= 3


def test_pictures_on_the_page_are_those_of_the_stored_predictions(tmp_path):
    entry = entry_of(write_result(tmp_path / "a", "cholecseg8k_semseg", model="zen", videos=1, runs=2))
    drawn = pictures(gallery([entry], "semantic", None))
    tint = list(class_colours(entry.result.target("semantic")).values())
    stored = entry.result.outputs("semantic", "linear", 0)["video49"], entry.result.dense_truth("semantic")["video49"]
    for index in (0, 2, 3):
        said = next(name for name in drawn if name.startswith(f"video49, {index}.00 s, zen: dice 0."))
        for name, content in zip((said, f"video49, {index}.00 s, truth"), stored, strict=True):
            wanted = mask_picture(from_bytes("segmentation", content[index]), tint, None)
            np.testing.assert_array_equal(drawn[name], wanted)


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    return write_result(
        tmp_path_factory.mktemp("asked") / "a",
        "endovis18_vqa",
        model="zen",
        videos=3,
        heads=("fusion",),
        constant={"question_majority": 0.2, "question_only": 0.4},
    )


def test_answers_stand_beside_the_truth(asked):
    entry = entry_of(asked)
    labels = entry.summary["targets"]["answer"]["labels"]
    rows = Page(questions([entry], "answer", None)).tables[0]
    assert [cell["text"] for cell in rows[0]] == ["Video", "Truth", "zen"]
    truth, said = entry.result.truth("answer"), entry.result.logits("answer", "fusion")
    places = chosen_rows({video: len(of) for video, of in truth.items()})
    for row, (video, index) in zip(rows[1:], places, strict=True):
        right, given = labels[truth[video][index]], labels[said[video][index].argmax()]
        mark = "✓" if right == given else "✗"
        assert [cell["text"] for cell in row] == [video, right, f"{mark} {given}"]


def test_types_and_answers_have_the_numbers_of_the_summary(asked):
    entry = entry_of(asked)
    runs = [run["scores"] for run in entry.summary["targets"]["answer"]["heads"]["fusion"]["runs"]]
    rows = {row[0]["text"]: row for row in Page(type_table([entry], "answer")).tables[0][1:]}
    for name, row in rows.items():
        assert row[3]["numbers"] == [pytest.approx(np.mean([run[f"accuracy_{name}_global"] for run in runs]))]
    rows = Page(class_table([entry], "answer")).tables[0][1:]
    labels = entry.summary["targets"]["answer"]["labels"]
    for row in rows:
        index = labels.index(row[0]["text"].removesuffix(" rare"))
        assert row[3]["numbers"] == [pytest.approx(np.mean([run["f1_class_global"][index] for run in runs]))]
        assert row[1]["text"] == str(sum((of == index).sum() for of in entry.result.truth("answer").values()))


def test_question_baselines_have_columns_where_questions_are_asked(asked, tmp_path):
    constant = json.loads((asked / "summary.json").read_text())["targets"]["answer"]["constant"]
    page = Page(results_page(entries_of(read_results([asked]))))
    headings = [cell["text"] for cell in page.tables[0][0]]
    row = page.tables[0][2]
    for name, heading in (("question_majority", "Majority by question"), ("question_only", "Question only")):
        assert row[headings.index(heading)]["numbers"] == [constant[name]["macro_f1_global"]]
    other = Page(results_page(entries_of(read_results([write_result(tmp_path / "b", videos=3)]))))
    assert "Question only" not in [cell["text"] for cell in other.tables[0][0]]


@pytest.mark.parametrize("task", ["cholecseg8k_semseg", "dsad_semseg", "grasp_insseg", "grasp_det"])
def test_classes_have_the_numbers_of_the_summary(task, tmp_path):
    entry = entry_of(write_result(tmp_path / "a", task, model="zen", videos=2))
    name = entry.primary["target"]
    about = entry.summary["targets"][name]
    runs = [run["scores"] for run in about["heads"]["linear"]["runs"]]
    which = {"grasp_insseg": ["mask_ap_class_global"], "grasp_det": ["box_ap_class_global"]}
    keys = which.get(task, ["dice_class", "hd95_maxdir_class"])
    tables = Page(class_table([entry], name)).tables
    assert len(tables) == len(keys)
    for key, table in zip(keys, tables, strict=True):
        assert len(table) > 2
        for row in table[1:]:
            index = about["labels"].index(row[0]["text"].removesuffix(" rare"))
            assert row[3]["numbers"] == [pytest.approx(np.mean([run[key][index] for run in runs]))]
    assert "background" not in class_table([entry], name).replace("background:#", "")


def test_depth_has_no_classes(tmp_path):
    text = results_page([entry_of(write_result(tmp_path / "a", "hamlyn_depth", videos=2))])
    assert "Pictures: frozen" in text and "Classes: frozen" not in text and "lower is better" in text


@pytest.fixture(scope="module")
def mini(tmp_path_factory):
    """Miniatures below one root, and a result on each."""
    root = tmp_path_factory.mktemp("mini")
    for task in ("cholecseg8k_semseg", "endovis18_vqa"):
        described = load_task(task)
        data = root / "data" / described.source.name
        write_miniature(described, data, train=1, val=1, test=1, seconds=4, size=48)
        head = "fusion" if described.question else "linear"
        write_result(root / "results" / task, task, model="zen", heads=(head,), data=data, runs=1)
    return root


def test_frames_and_questions_come_from_the_data(mini):
    page = results_report([mini / "results"], mini / "report", data=mini / "data").read_text()
    assert "This page shows frames of the datasets" in page
    drawn = pictures(page)
    dataset = load_task("cholecseg8k_semseg").read(mini / "data" / "cholecseg8k")
    frames = [row for row in dataset if row["video_id"] == "video12"]
    shown = {name: drawn[name] for name in drawn if name.startswith("video12, ") and name.endswith(", frame")}
    assert len(shown) == 3
    for row in (frames[0], frames[-1]):
        difference = shown[f"video12, {row['time_s']:.2f} s, frame"].astype(int) - np.array(
            row["image"].convert("RGB")
        )
        assert np.abs(difference).mean() < 12  # compressed with loss
    asked = load_task("endovis18_vqa").read(mini / "data" / "endovis18_vqa")
    rows = [row for row in asked if row["video_id"] == "seq_1"]
    for _, index in chosen_rows({"seq_1": len(rows)}):
        assert f"<td>{rows[index]['question']}</td>" in page


def test_without_data_the_page_holds_no_frame(mini):
    text = results_page(entries_of(read_results([mini / "results"])))
    assert "This page shows frames" not in text
    assert "Without frames, which results do not hold: give the data (--data ROOT) to see them." in text
    assert "Without questions and frames, which results do not hold: give the data" in text
    assert set(name.split(", ")[2].split(":")[0] for name in pictures(text)) == {"truth", "zen"}
    page = Page(text)
    sources = [attributes["src"] for tag, attributes in page.tags if "src" in attributes]
    assert sources and all(source.startswith("data:image/webp;base64,") for source in sources)


def test_other_data_than_the_result_s_are_refused(mini, tmp_path):
    task = load_task("cholecseg8k_semseg")
    write_miniature(task, tmp_path / "cholecseg8k", train=1, val=1, test=1, seconds=6, size=48)
    entries = entries_of(read_results([mini / "results" / "cholecseg8k_semseg"]))
    with pytest.raises(ValueError, match="video12 has 4 rows in the result and 6 in the data"):
        results_page(entries, DatasetFrames(tmp_path))
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder; expected one folder per dataset"):
        results_report([mini / "results"], tmp_path / "out", data=tmp_path / "nowhere")


def test_other_pictures_at_the_same_times_are_refused(mini, tmp_path):
    """Of numbered pictures the times say nothing: the fingerprint of all frames and labels does."""
    for part in ("cholecseg8k", "endovis18_vqa"):
        shutil.copytree(mini / "data" / part, tmp_path / part)
    frame = sorted((tmp_path / "cholecseg8k" / "video12").glob("*/*_endo.png"))[1]
    Image.open(frame).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(frame)
    entries = entries_of(read_results([mini / "results" / "cholecseg8k_semseg"]))
    with pytest.raises(ValueError, match="cholecseg8k_semseg: measured on data with the fingerprint .*: other frames"):
        results_page(entries, DatasetFrames(tmp_path))


def test_a_root_without_the_dataset_is_said(mini, tmp_path):
    shutil.copytree(mini / "data" / "endovis18_vqa", tmp_path / "endovis18_vqa")
    one, both = ([mini / "results" / "cholecseg8k_semseg"], [mini / "results"])
    text = results_page(entries_of(read_results(one)), DatasetFrames(tmp_path))
    assert f"Without frames, which results do not hold: no folder cholecseg8k below {tmp_path}." in text
    assert "This page shows frames" not in text and "--data" not in text
    text = results_page(entries_of(read_results(both)), DatasetFrames(tmp_path))
    assert f"no folder cholecseg8k below {tmp_path}." in text and "This page shows frames" in text


def test_without_predictions_there_are_no_pictures_but_a_note(asked, tmp_path):
    shutil.copytree(write_result(tmp_path / "a", "dsad_semseg", model="zen", videos=2), tmp_path / "b")
    shutil.copytree(asked, tmp_path / "c")
    for folder, what in ((tmp_path / "b", "pictures"), (tmp_path / "c", "answers")):
        (folder / "predictions.safetensors").unlink()
        text = results_page([entry_of(folder)])
        assert f"No {what} of zen: {folder} holds no predictions" in text and "<img" not in text
