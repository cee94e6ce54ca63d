"""The recipe on synthetic surgery and generated junk: it learns, says what it missed, and what it writes can be used."""

import csv
import json

import numpy as np
import pytest
from curation.judging import junk_frames as made
from PIL import Image

from zen_hf.curation.judging.frame_classifier import FrameClassifier
from zen_hf.modeling.frame_encoder import FrameEncoder
from zen_hf.recipe_configuration import load_recipe
from zen_hf.recipes.teach_filter import TeachFilterRecipe, teach_filter


@pytest.fixture
def labelled(tmp_path):
    """Five videos: surgery, a room, and a yellow tube that has the colours of tissue, which signals do not know."""
    frames = tmp_path / "frames"
    rows = []
    tube = made.in_scope(made.scene([(200, 140, 60), (180, 120, 40), (90, 50, 20)], 9))
    for video in range(5):
        (frames / f"video{video}").mkdir(parents=True)
        pictures = [(made.surgery(5)[video], "usable"), (made.noisy(made.surgery(5)[video], 8, video), "usable")]
        pictures += [(np.roll(tube, 7 * video, axis=1), "junk"), (np.roll(tube, -9 * video, axis=0), "junk")]
        pictures += [(made.in_scope(made.room()), "junk")]
        for number, (picture, label) in enumerate(pictures):
            name = f"video{video}/{number}.png"
            Image.fromarray(picture).resize((120, 68)).save(frames / name)
            rows.append((name, label))
    with open(tmp_path / "labels.csv", "w", newline="") as file:
        csv.writer(file).writerows([("file", "label"), *rows])
    return frames, tmp_path / "labels.csv"


def recipe(tmp_path, labelled, model, *more):
    given = [f"output={tmp_path / 'run'}", f"frames={labelled[0]}", f"labels={labelled[1]}", f"model={model}", *more]
    return load_recipe(TeachFilterRecipe, None, given)


def test_it_learns_what_the_signals_do_not_know(tmp_path, labelled, vit_teacher, capsys):
    summary = teach_filter(recipe(tmp_path, labelled, vit_teacher, "image_size=56"))
    assert (summary["frames"], summary["junk"], summary["videos"]) == (25, 15, 5)
    found = summary["filters"]
    assert summary["reasons"] == {"outside_body": 5}
    assert found["signals"]["recall"] == pytest.approx(1 / 3) and found["signals"]["precision"] == 1
    assert found["both"]["recall"] > 0.9 and found["both"]["precision"] > 0.9
    printed = capsys.readouterr().out
    missed = [miss["file"] for miss in found["signals"]["misses"]]
    assert sorted(missed) == sorted(f"video{video}/{number}.png" for video in range(5) for number in (2, 3))
    assert all(f"signals, misses: {file}" in printed for file in missed)
    assert json.loads((tmp_path / "run" / "summary.json").read_text()) == summary
    encoder = FrameEncoder.from_pretrained(str(vit_teacher))
    assert FrameClassifier.load(tmp_path / "run" / "classifier", encoder, 56).threshold == summary["threshold"]


def write(file, text):
    file.write_text(text)
    return file


def test_bad_lists_are_named(tmp_path, labelled, vit_teacher):
    frames, _ = labelled
    bad = {
        "file,kind\na.png,junk\n": "expected file and label",
        "file,label\na.png,Junk\n": "line 2: label 'Junk'; expected usable or junk",
        "file,label\na.png,junk\na.png,usable\n": "line 3: a.png is named a second time",
    }
    for text, message in bad.items():
        with pytest.raises(ValueError, match=message):
            teach_filter(recipe(tmp_path, (frames, write(tmp_path / "bad.csv", text)), vit_teacher))
    with pytest.raises(FileNotFoundError, match="no such list"):
        teach_filter(recipe(tmp_path, (frames, tmp_path / "none.csv"), vit_teacher))
    assert not (tmp_path / "run").exists()
    absent = write(tmp_path / "bad.csv", "file,label\nvideo0/absent.png,junk\n")
    with pytest.raises(FileNotFoundError, match="absent.png: named in the list"):
        teach_filter(recipe(tmp_path, (frames, absent), vit_teacher))
    with pytest.raises(ValueError, match="precision is 2"):
        recipe(tmp_path, labelled, vit_teacher, "precision=2")
