# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The page says what the results say, to the last digit, and nothing on it runs or loads anything."""

import json
import re
import shutil

import numpy as np
import pytest
from html_page import Page
from result_folders import write_result
from sklearn.metrics import average_precision_score, confusion_matrix, f1_score

from zen_hf.benchmark.report.class_bars import class_table
from zen_hf.benchmark.report.confusion import confusion_table
from zen_hf.benchmark.report.entries import entries_of
from zen_hf.benchmark.report.page import results_page
from zen_hf.benchmark.result_files import Result, read_results


@pytest.fixture(scope="module")
def page(results):
    return Page(results_page(entries_of(read_results([results]))))


def overview(page):
    """The table of all results, which comes after those of all tasks."""
    return next(table for table in page.tables if table[0][0]["text"] == "Protocol")


def summary(folder):
    return json.loads((folder / "summary.json").read_text())


def test_overview_holds_the_numbers_of_the_files(page, results):
    phases = overview(page)[: 2 + 6]  # headings, the task's name, two frozen results, two few-shot ones of two sizes
    rows = {tuple(cell["text"] for cell in row[:3]): row for row in phases if len(row) > 3}
    row = rows["frozen", "zen 224 px", "linear"]
    stored = summary(results / "zen" / "cholec80_phase" / "frozen")
    primary, heads = stored["primary"], stored["targets"]["phase"]["heads"]
    constant = stored["targets"]["phase"]["constant"]
    baselines = results / "zen" / "cholec80_phase" / "frozen" / "baselines"
    assert row[3]["numbers"] == [primary["value"]]
    assert row[4]["numbers"] == primary["interval"]
    assert row[6]["text"] == "10"
    assert row[7]["numbers"] == [heads["linear"]["seeds"]["std"]] and "2 seeds" in row[7]["text"]
    assert row[8]["text"] == "clean"
    assert [cell["numbers"] for cell in row[9:]] == [
        [constant["chance"][primary["name"]]],
        [constant["majority"][primary["name"]]],
        [summary(baselines / "raw_pixels")["primary"]["value"]],
        [summary(baselines / "random_trunk")["primary"]["value"]],
    ]
    few = summary(results / "other" / "cholec80_phase" / "few_shot")["targets"]["phase"]["heads"]["linear@4"]
    assert rows["few_shot", "other 224 px", "linear, 4 videos"][3]["numbers"] == [few["value"]]


def test_few_videos_flags_and_metrics_are_said(page):
    rows = [[cell["text"] for cell in row] for row in overview(page)]
    assert [row[6] for row in rows if "unknown" in row] == ["4 few"]
    assert [row[6] for row in rows if "seen_labelled" in row] == ["3 few"]
    assert sum("seen_unlabelled" in row for row in rows) == 4
    titles = [row[0] for row in rows if len(row) == 1]
    assert len(titles) == 3 and "f1_b_video_mean (F1; strategy B: classes that a video lacks are left out" in titles[0]


def test_heads_stand_side_by_side(page, results):
    heads = page.tables[page.tables.index(overview(page)) + 1]
    headings = [cell["text"] for cell in heads[0]]
    assert headings == ["Protocol", "Encoder", "linear", "linear, smoothed", "temporal (MS-TCN)"]
    row = next(row for row in heads if [cell["text"] for cell in row[:2]] == ["frozen", "zen"])
    heads = summary(results / "zen" / "cholec80_phase" / "frozen")["targets"]["phase"]["heads"]
    wanted = [[h["value"], h["interval"]["low"], h["interval"]["high"]] for h in heads.values()]
    assert [cell["numbers"] for cell in row[2:]] == wanted


def test_confusion_is_that_of_the_predictions(results):
    [entry] = entries_of(read_results([results / "zen" / "cholec80_phase" / "frozen"]))
    truth = np.concatenate(list(entry.result.truth("phase").values()))
    counts = np.mean(
        [
            confusion_matrix(
                truth,
                np.concatenate(list(entry.result.logits("phase", "linear", run).values())).argmax(1),
                labels=range(7),
            )
            for run in range(2)
        ],
        axis=0,
    )
    rows = Page(confusion_table(entry, "phase")).tables[0][1:]
    for row, of_class in zip(rows, counts, strict=True):
        if of_class.sum() == 0:
            assert all(cell["title"] is None for cell in row[1:])
            continue
        shares = [cell["numbers"][0] for cell in row[1:]]
        assert shares == pytest.approx(of_class / of_class.sum(), abs=1e-12)
        assert [cell["title"].split(": ")[1] for cell in row[1:]] == [
            f"{count:g} of {of_class.sum():g} frames" for count in of_class
        ]


def test_bars_are_the_scores_of_every_class(results):
    """F1 and average precision by scikit-learn: per video that holds the class, mean over videos and runs."""
    for task, name in (("cholec80_phase", "phase"), ("cholect50_triplet", "triplet")):
        [entry] = entries_of(read_results([results / "zen" / task / "frozen"]))
        labels, truth = entry.summary["targets"][name]["labels"], entry.result.truth(name)
        rows = {row[0]["text"].removesuffix(" rare"): row for row in Page(class_table([entry], name)).tables[0][1:]}
        for index, label in enumerate(labels):
            hits = {v: (x == index) if x.ndim == 1 else x[:, index] == 1 for v, x in truth.items()}
            held = [video for video, hit in hits.items() if hit.any()]
            if not held:
                assert label not in rows
                continue
            values = []
            for run in range(2):
                logits = entry.result.logits(name, "linear", run)
                values.append(
                    np.mean(
                        [
                            f1_score(hits[v], logits[v].argmax(1) == index)
                            if name == "phase"
                            else average_precision_score(hits[v], logits[v][:, index])
                            for v in held
                        ]
                    )
                )
            assert rows[label][3]["numbers"] == [pytest.approx(np.mean(values), abs=1e-9)]
            assert rows[label][1]["text"] == str(sum(int(hit.sum()) for hit in hits.values()))


def test_nothing_is_loaded_or_run(results, tmp_path):
    evil = "<script src=http://x.org/a.js></script><img src=x onerror='a()'>\"|"
    folder = write_result(tmp_path / "evil", model=evil, videos=3)
    text = results_page(entries_of(read_results([results, folder])))
    page = Page(text)
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "img", "link", "iframe", "object"})
    assert not any(name.startswith("on") or name == "src" for _, attributes in page.tags for name in attributes)
    assert all(attributes["href"].startswith("#") for tag, attributes in page.tags if tag == "a")
    assert "url(" not in text and "@import" not in text
    assert any(evil in cell["text"] for row in overview(page) for cell in row)


def test_without_predictions_there_are_no_ribbons_but_a_note(results, tmp_path):
    folder = tmp_path / "frozen"
    shutil.copytree(results / "zen" / "cholec80_phase" / "frozen", folder)
    complete = results_page(entries_of([Result(folder, summary(folder))]))
    (folder / "predictions.safetensors").unlink()
    without = results_page(entries_of([Result(folder, summary(folder))]))
    assert complete.count("<figure class=ribbons>") == 3 and "holds no predictions" not in complete
    assert "<figure class=ribbons>" not in without and f"{folder} holds no predictions" in without


def test_curves_go_from_few_videos_to_all(results):
    text = results_page(entries_of(read_results([results / "zen"])))
    [chart] = [svg for svg in re.findall(r"<svg class=chart.*?</svg>", text, re.S) if "training videos" in svg]
    stored = summary(results / "zen" / "cholec80_phase" / "few_shot")["targets"]["phase"]["heads"]
    whole = summary(results / "zen" / "cholec80_phase" / "frozen")["primary"]["value"]
    said = [f"zen, {k}: {stored[f'linear@{k}']['value']:.3f} (" for k in (2, 4)] + [f"zen, all: {whole:.3f} ("]
    assert re.findall(r"<title>(zen, .*?\()", chart) == said


def test_miniatures_are_marked(tmp_path):
    folder = write_result(tmp_path / "small", videos=3, split="cholec80_40_8_32 (miniature)")
    text = results_page(entries_of(read_results([folder])))
    assert "1 of 1 results are of miniatures" in text
    assert any("miniature" in row[0]["text"] for row in overview(Page(text)) if len(row) == 1)


def test_an_undefined_score_is_called_so(tmp_path, summary_change):
    folder = write_result(tmp_path / "result", videos=3)

    def change(stored):
        stored["primary"] |= {"value": None, "interval": None}
        stored["targets"]["phase"]["heads"]["linear"] |= {"value": None, "interval": None, "seeds": None}

    summary_change(folder, change)
    row = Page(results_page(entries_of(read_results([folder])))).tables[0][2]  # one task: no table of all
    assert [cell["text"] for cell in row[3:6]] == ["undefined", "–", ""] and row[7]["text"] == "–"
