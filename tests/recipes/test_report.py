# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""`zen-hf report` on runs that are finished, unfinished and none at all."""

import json
import re
import shutil

import pytest
import yaml
from datasets import Dataset

from zen_hf.data.frame_sources import image_bytes, load_frames
from zen_hf.recipe_configuration import load_recipe
from zen_hf.recipes.distill import DistillRecipe, distill
from zen_hf.recipes.report import report


@pytest.fixture
def finished(recipe):
    return distill(recipe).parent


@pytest.fixture
def labelled(recipe, tmp_path):
    """The same frames in Parquet with a label, two sizes, readings every second step."""
    frames, _ = load_frames(load_recipe(DistillRecipe, recipe, []).frames)
    columns = {
        "image": [{"bytes": image_bytes(row["image"]), "path": None} for row in frames],
        "video_id": list(frames["video_id"]),
        "phase": ["cut" if number % 2 else "sew" for number in range(len(frames))],
    }
    Dataset.from_dict(columns).to_parquet(tmp_path / "frames.parquet")
    content = yaml.safe_load(recipe.read_text()) | {"frames": [{"path": str(tmp_path / "frames.parquet")}]}
    content["student"]["image_sizes"] = [16, 32]
    content["monitor"] = {"every": 2, "label_column": "phase", "neighbours": 3}
    recipe.write_text(yaml.safe_dump(content))
    return distill(recipe).parent


def rows(html: str, number: int = 0) -> dict[str, list[float]]:
    """Name to numbers of every row of a table of scores."""
    table = re.findall(r"<table class=scores>(.*?)</table>", html, re.S)[number]
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in table.split("<tr")[2:]]
    return {row[0]: [float(cell) for cell in row[1:]] for row in cells}


def test_the_page_of_a_finished_run_measures_held_out_videos_and_needs_nothing_else(finished):
    path = report(finished, frames=4)
    html = path.read_text(encoding="utf-8")
    assert path == finished / "report.html" and "http" not in html.replace("http-equiv", "")
    assert "4 of 4 steps on 8 frames of 2 videos; held out: B" in html
    assert "tested on the held-out ones (B)" in html
    table, encoders = rows(html), rows(html, 1)
    assert set(table) == {"vit, 32 px", "cnn, 32 px"} and all(len(values) == 8 for values in table.values())
    assert all(value > 0 for values in table.values() for value in values)
    assert list(encoders) == ["student", "untrained", "vit", "cnn"] and len(encoders["student"]) == 2
    assert html.count("<img") == 1 + 4 * 5  # curves; per shown frame the frame and four models
    assert "Held-out videos over the steps" not in html and "retention" not in html and "Over sizes" not in html
    assert report(finished, frames=4).read_text(encoding="utf-8") == html  # the same run, the same page


def test_labels_and_sizes_have_their_place_and_agree_with_the_log(labelled):
    html = report(labelled, frames=120).read_text(encoding="utf-8")
    table, encoders = rows(html), rows(html, 1)
    assert set(table) == {f"{teacher}, {size} px" for teacher in ("vit", "cnn") for size in (16, 32)}
    assert len(encoders["student"]) == 4 and "Nearest neighbours: " in html and "(regret " in html
    assert html.count("above 1.5") == 2 and "Held-out videos over the steps" in html
    assert html.count("<img") == 2 + 4 * 5

    lines = [json.loads(line) for line in (labelled / "log.jsonl").read_text().splitlines()]
    readings = [line for line in lines if line.get("event") == "monitor"]
    assert [line["step"] for line in readings] == [2, 4]
    last = readings[-1]  # of the student that was then exported, whose adaptors speak in the teachers' space
    assert encoders["student"][2:] == pytest.approx([last["knn/student"], last["linear/student"]], abs=1e-3)
    for size in (16, 32):
        assert table[f"vit, {size} px"][1] == pytest.approx(last[f"vit/head_patch_fvu@{size}"], abs=2e-3)
        assert table[f"vit, {size} px"][5] == pytest.approx(last[f"vit/ridge_patch_fvu@{size}"], abs=2e-3)


def test_an_unfinished_run_has_curves_alone(finished):
    shutil.rmtree(finished / "model")
    html = report(finished).read_text(encoding="utf-8")
    assert "<h2>Training</h2>" in html and "Measurements" not in html


def test_without_held_out_videos_the_page_says_so(finished):
    config = yaml.safe_load((finished / "config.yaml").read_text())
    (finished / "config.yaml").write_text(yaml.safe_dump(config | {"hold_out": []}))
    assert "the student has seen all frames" in report(finished, frames=4).read_text(encoding="utf-8")


def test_too_few_videos_and_a_folder_of_something_else_are_errors(finished, tmp_path):
    config = yaml.safe_load((finished / "config.yaml").read_text())
    (finished / "config.yaml").write_text(yaml.safe_dump(config | {"hold_out": ["B", "C"]}))
    with pytest.raises(ValueError, match="the frames have 3 videos, 2 of them to test on"):
        report(finished)
    assert not (finished / "report.html").exists()
    with pytest.raises(FileNotFoundError, match="expected the folder of a zen-hf distill run"):
        report(tmp_path)
