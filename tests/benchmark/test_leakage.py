# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Every flag from every kind of statement, through teachers, and across datasets that share operations."""

import json
from dataclasses import replace

import pytest
from own_task import add_hospital_phase

from zen_hf.benchmark.known_patients import PUBLISHED, is_published, known_datasets, known_patients, require_known
from zen_hf.benchmark.leakage import Leakage, flag, head_training_data, matching, worst
from zen_hf.benchmark.split import load_split
from zen_hf.benchmark.task import load_task, task_names
from zen_hf.benchmark.trained_on import (
    UNTRAINED,
    TrainingData,
    distilled_on,
    from_dict,
    known_corpora,
    public_encoder,
    read_training_data,
    training_data_of,
)
from zen_hf.data.frame_sources import FrameSource

DINO = TrainingData("dino", complete=True, corpora=("lvd-142m",))


def exam_of(name: str) -> tuple:
    """A task with the test videos of its own split."""
    task = load_task(name)
    return task, [video for fold in load_split(task.split).folds for video in fold.test]


def frames_of(**sources: list[str]) -> dict[str, list[str]]:
    """Columns of frames, two per video."""
    rows = [(source, video) for source, videos in sources.items() for video in videos for _ in range(2)]
    return {"source": [source for source, _ in rows], "video_id": [video for _, video in rows]}


def seen(*patients: str, labels: bool = False, complete: bool = True, teachers: tuple = ()) -> TrainingData:
    return TrainingData("x", complete, **{"labelled" if labels else "unlabelled": patients}, teachers=teachers)


@pytest.mark.parametrize(
    ("training_data", "expected", "why"),
    [
        (None, "unknown", "nothing states"),
        (UNTRAINED, "clean", "nothing was trained on"),
        (DINO, "clean", "no test patient"),
        (seen("cholec80:1", "cholec80:40"), "clean", "no test patient"),  # training videos of the task
        (seen("cholec80:1", complete=False), "unknown", "not all training data of x is listed"),
        (seen("cholec80:49", "cholec80:1"), "seen_unlabelled", "1 of 32 test patients seen without labels by x"),
        (seen("cholec80:*"), "seen_unlabelled", "32 of 32 test patients"),
        (seen("cholec80:80", labels=True), "seen_labelled", "1 of 32 test patients seen with labels by x"),
        (seen("cholec80:49", complete=False), "seen_unlabelled", "; not all training data of x is listed"),
        (seen("m2cai16:workflow_video_01"), "unknown", "32 of 32 test patients may be among"),
        (TrainingData("x", True, corpora=("surgenet",)), "unknown", "76 of the 80 videos of Cholec80"),
    ],
)
def test_flags_on_cholec80(training_data, expected, why):
    leakage = flag(training_data, *exam_of("cholec80_phase"))
    assert leakage.flag == expected and why in leakage.why


def test_what_was_seen_with_labels_outranks_what_was_seen_and_what_is_not_known():
    both = TrainingData("x", False, ("surgenet",), unlabelled=("cholec80:50",), labelled=("cholec80:49",))
    assert flag(both, *exam_of("cholec80_tool")).flag == "seen_labelled"
    both = TrainingData("x", False, ("surgenet",), unlabelled=("cholec80:50",))
    assert flag(both, *exam_of("cholec80_tool")).flag == "seen_unlabelled"


def test_a_student_answers_for_its_teachers_and_theirs():
    grandchild = seen(teachers=(DINO, seen(teachers=(seen("cholec80:60", labels=True),))))
    assert flag(grandchild, *exam_of("cholec80_phase")) == Leakage(
        "seen_labelled", "1 of 32 test patients seen with labels by x"
    )
    unknown = seen(teachers=(DINO, TrainingData("a teacher", complete=False)))
    assert flag(unknown, *exam_of("cholec80_phase")) == Leakage(
        "unknown", "not all training data of a teacher is listed"
    )


def test_a_student_distilled_on_cholec80_test_patients():
    """It is flagged wherever the same operations are tested, under whatever names, and nowhere else."""
    source = FrameSource(path="videos", patients_of="cholec80")
    student = distilled_on([source], frames_of(videos=["video53", "video62", "video66"]), {"dino": DINO})
    flags = {
        name: flag(student, *exam_of(name)).flag
        for name in ("cholec80_phase", "cholec80_cvs", "cholect50_triplet", "endoscapes_cvs", "autolaparo_phase")
    }
    assert flags == {
        "cholec80_phase": "seen_unlabelled",
        "cholec80_cvs": "seen_unlabelled",  # video53
        "cholect50_triplet": "seen_unlabelled",  # VID62
        "endoscapes_cvs": "clean",  # video66 is video 121 there, of its validation side
        "autolaparo_phase": "clean",
    }
    assert flag(student, load_task("endoscapes_cvs"), ["121", "168"]).flag == "seen_unlabelled"
    assert (
        flag(student, *exam_of("m2cai16_phase")).flag == "unknown"
    )  # some of Cholec80's operations, which is not known
    source = FrameSource(path="videos", patients_of="cholect50")
    student = distilled_on([source], frames_of(videos=["VID79"]), {})
    assert flag(student, *exam_of("cholec80_phase")).flag == "seen_unlabelled"


def test_what_a_distillation_states_holds_nothing_private(tmp_path):
    private = FrameSource(path=str(tmp_path), licence="none", patients_of="own")
    public = FrameSource(path="owner/cholec80", licence="CC BY-NC-SA 4.0", patients_of="cholec80")
    frames = frames_of(**{str(tmp_path): ["Miller 1950", "Smith 1961"], "owner/cholec80": ["video02"]})
    student = distilled_on([private, public], frames, {"dino": DINO})
    text = json.dumps(student.as_dict())
    assert "Miller" not in text and str(tmp_path) not in text and tmp_path.name not in text
    assert student.complete and student.unlabelled == ("cholec80:2",)
    assert [entry["source"] for entry in student.frames] == ["local", "owner/cholec80"]
    hashed = student.frames[0]["videos"]
    assert len(set(hashed)) == 2 and all(video.startswith("sha256:") and len(video) == 71 for video in hashed)
    assert student.frames[1]["videos"] == ["video02"]
    assert flag(student, *exam_of("cholec80_phase")).flag == "clean"


def test_frames_whose_patients_are_not_stated_leave_everything_unknown():
    student = distilled_on([FrameSource(path="videos")], frames_of(videos=["video01"]), {})
    assert not student.complete and student.frames[0]["videos"][0].startswith("sha256:")
    assert flag(student, *exam_of("sarrarp50_gesture")).flag == "unknown"
    student = distilled_on([FrameSource(path="videos", patients_of="own")], frames_of(videos=["a"]), {"t": None})
    assert flag(student, *exam_of("sarrarp50_gesture")) == Leakage("unknown", "not all training data of t is listed")


def test_wrong_patients_of():
    with pytest.raises(ValueError, match="patients_of is 'cholec8'; expected 'own' or one of autolaparo, cholec80, "):
        distilled_on([FrameSource(path="v", patients_of="cholec8")], frames_of(v=["video01"]), {})
    with pytest.raises(ValueError, match="v: video 'theatre' is no id of Cholec80; set patients_of to"):
        distilled_on([FrameSource(path="v", patients_of="cholec80")], frames_of(v=["theatre"]), {})


@pytest.mark.parametrize(
    ("model", "task", "expected"),
    [
        ("facebook/dinov2-small", "cholec80_phase", "clean"),
        ("facebook/dinov3-vits16-pretrain-lvd1689m", "cholec80_phase", "clean"),
        ("timm/vit_small_patch14_dinov2.lvd142m", "cholec80_phase", "clean"),
        ("resnet50.a1_in1k", "grasp_phase", "clean"),
        ("vit_small_patch16_224.augreg_in21k", "cholec80_tool", "clean"),
        ("openai/clip-vit-base-patch16", "cholect50_triplet", "clean"),
        ("google/siglip-base-patch16-224", "endoscapes_cvs", "clean"),
        ("google/mobilenet_v2_1.0_224", "autolaparo_phase", "clean"),
        ("egeozsoy/EndoViT", "cholec80_phase", "unknown"),
        ("egeozsoy/EndoViT", "autolaparo_phase", "unknown"),
        ("TimJaspersTue/SurgeNetModels", "cholec80_tool", "unknown"),
        ("TimJaspersTue/SurgeNetModels", "grasp_phase", "unknown"),
        ("visurg/LemonFM", "cholec80_phase", "unknown"),
        ("nobody.knows_this", "cholec80_phase", "unknown"),
        ("someone/dinov2-small", "cholec80_phase", "unknown"),
    ],
)
def test_public_encoders(model, task, expected):
    assert flag(training_data_of(model), *exam_of(task)).flag == expected


def test_surgenet_holds_all_of_multibypass140():
    task = load_task("cholec80_phase")
    other = type(task)(
        **{**vars(task), "source": type(task.source)(**{**vars(task.source), "patient": "multibypass140:{}".format})}
    )
    assert flag(public_encoder("TimJaspersTue/SurgeNetModels"), other, ["BBP01"]).flag == "seen_unlabelled"


def test_every_corpus_that_a_dataset_names_is_listed():
    named = {corpus for name in task_names() for corpus in load_task(name).source.corpora}
    assert named <= known_corpora().keys()


def test_a_folder_states_it_or_is_unknown(tmp_path):
    folder = tmp_path / "facebook" / "dinov2-small"  # a copy may have been trained on
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"_name_or_path": "facebook/dinov2-small"}')
    assert training_data_of(str(folder)) is None
    (folder / "training_data.json").write_text(json.dumps(seen("cholec80:1").as_dict()))
    assert training_data_of(str(folder)) == seen("cholec80:1")
    stated = tmp_path / "mine.json"
    stated.write_text(json.dumps(DINO.as_dict()))
    assert training_data_of(str(folder), file=stated) == DINO


def test_a_statement_survives_its_file(tmp_path):
    data = TrainingData(
        "zen",
        True,
        ("endo700k",),
        ("cholec80:1",),
        ("grasp:*",),
        ({"source": "local"},),
        (DINO, seen("other:a")),
        "a note",
    )
    (tmp_path / "t.json").write_text(json.dumps(data.as_dict()))
    assert read_training_data(tmp_path / "t.json") == data


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "1"}, "here: format is '1'; expected 'zen-hf training data 1'"),
        ({"patient": {}}, "unknown entry 'patient'; did you mean patients"),
        ({"complete": "yes"}, "expected 'name', a text, and 'complete', true or false"),
        ({"corpora": ["lemons"]}, "unknown corpus 'lemons'; known are endo700k"),
        ({"patients": {"seen": []}}, "patients is {'seen': \\[\\]}; expected"),
        ({"patients": {"labelled": ["video01"]}}, "patient 'video01'; expected dataset:number"),
        ({"patients": {"labelled": "cholec80:1"}}, "expected a list of texts"),
        ({"teachers": {}}, "teachers is {}; expected a list"),
        ({"teachers": [{"format": "2"}]}, "here: teacher 0: format is '2'"),
        ({"frames": ["local"]}, "here: frames has 'local'; expected {'source'"),
        (
            {"frames": [{"patients_of": "Own"}]},
            "here: patients_of is 'Own'; expected null, 'own', 'other:NAME' or one of",
        ),
        ({"frames": [{"patients_of": ["own"]}]}, "here: patients_of is \\['own'\\]; expected null, 'own'"),
        ({"frames": [{"patients_of": "other:Cholec80"}]}, "'other:Cholec80': other is for datasets that share no"),
    ],
)
def test_a_malformed_statement_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        from_dict(DINO.as_dict() | change, "here")


def test_a_missing_or_broken_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.json: no such file"):
        training_data_of("facebook/dinov2-small", file=tmp_path / "none.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(ValueError, match="broken.json: not JSON"):
        read_training_data(tmp_path / "broken.json")


@pytest.mark.parametrize(
    ("patient", "message"),
    [
        ("cholec80:video66", "cholec80 has no patient of this name; expected cholec80:66, or cholec80:\\* for all"),
        ("cholec80:066", "expected cholec80:66, or"),
        ("cholec80:166", "expected cholec80:1, or"),  # no video 66 of that number
        ("cholec80:", "expected cholec80:1, or"),
        ("cholec80:4*", "expected cholec80:4, or"),
        ("cholec80_cvs:66", "expected cholec80:66, or cholec80_cvs:\\* for all"),
        ("cholect50:VID79", "expected cholec80:79, or"),
        ("cholect50:79", "expected cholec80:79, or"),
        ("endoscapes:121", "expected cholec80:66, or"),
        ("multibypass140:5", "expected multibypass140:BBP05 or multibypass140:SBP05, or"),
        ("m2cai16:1", "expected m2cai16:test_workflow_video_01 or m2cai16:workflow_video_01, or"),
        ("multibypass:*", "unknown dataset 'multibypass'; did you mean multibypass140"),
        ("intermountain:*", "unknown dataset 'intermountain'; Known are .* Write other:intermountain for a dataset"),
        ("*:*", "unknown dataset"),
        ("other:", "expected other:NAME"),
        ("other:Cholec80", "other is for datasets that share no patient"),
        ("other:CholecSeg8k", "other is for datasets that share no patient"),
        ("other:MultiBypass", "other is for datasets that share no patient"),
        ("other:PSI-AVA:3", "other is for datasets that share no patient"),
    ],
)
@pytest.mark.parametrize("seen_with", ["labelled", "unlabelled"])
def test_a_patient_whom_no_dataset_has_is_refused(patient, message, seen_with):
    with pytest.raises(ValueError, match=f"here: patient .*{message}"):
        from_dict(DINO.as_dict() | {"patients": {seen_with: ["cholec80:1", patient]}}, "here")


def test_names_that_are_known_other_or_private_are_accepted():
    names = [
        "cholect50:92",
        "endoscapes:5",
        "grasp:*",
        "other:intermountain",
        "other:heichole:*",
        "own:7",
        "sha256:0a",
    ]
    data = from_dict(DINO.as_dict() | {"patients": {"labelled": names}}, "here")
    assert data.labelled == tuple(names)
    assert flag(data, *exam_of("cholec80_phase")).flag == "clean"
    for name in ("cholec80_phase", "cholect50_triplet", "endoscapes_cvs", "grasp_phase", "multibypass140_phase"):
        task, videos = exam_of(name)
        require_known(map(task.source.patient, videos), name)
    for corpus in known_corpora().values():
        require_known(corpus["patients"] + corpus["possible"], "corpora.json")


@pytest.mark.parametrize(
    ("pattern", "task", "expected", "why"),
    [
        ("cholect50:*", "cholec80_phase", "seen_labelled", "18 of 32 test patients"),  # 49-52, 56, 57, ..., 80
        ("cholec80_cvs:*", "cholec80_phase", "seen_labelled", "32 of 32"),
        ("endoscapes:*", "cholec80_phase", "seen_labelled", "6 of 32"),
        ("endoscapes:*", "endoscapes_cvs", "seen_labelled", "40 of 40"),
        ("cholec80:*", "endoscapes_cvs", "clean", "no test patient"),
        ("cholect50:*", "m2cai16_phase", "unknown", "14 of 14 test patients may be among"),
        ("cholect50:*", "autolaparo_phase", "clean", "no test patient"),
    ],
)
def test_all_of_a_dataset_means_its_patients_under_whatever_names(pattern, task, expected, why):
    task, videos = exam_of(task)
    leakage = flag(seen(pattern, labels=True), task, videos)
    assert leakage.flag == expected and why in leakage.why


def test_a_head_of_another_task_answers_for_its_patients():
    cholec80, tested = exam_of("cholec80_phase")
    m2cai16, others = exam_of("m2cai16_phase")
    head = head_training_data(m2cai16, ["workflow_video_01", "workflow_video_01"])
    assert head == TrainingData("head of m2cai16_phase", True, labelled=("m2cai16:workflow_video_01",))
    assert flag(head, cholec80, tested).flag == "unknown"
    assert flag(head_training_data(cholec80, ["video01"]), m2cai16, others).flag == "unknown"
    cvs = head_training_data(load_task("cholec80_cvs"), ["video66"])
    assert flag(cvs, cholec80, tested) == Leakage(
        "seen_labelled", "1 of 32 test patients seen with labels by head of cholec80_cvs"
    )
    assert flag(head_training_data(load_task("autolaparo_phase"), ["01"]), cholec80, tested).flag == "clean"


@pytest.fixture()
def hospital(tmp_path, monkeypatch):
    """A task over one's own patients, with its test videos."""
    return add_hospital_phase(tmp_path, monkeypatch), ["case09", "case10", "case11", "case12"]


def student_on_own_films(**inherited: TrainingData) -> TrainingData:
    return distilled_on([FrameSource(path="f", patients_of="own")], frames_of(f=["4f0c", "77aa"]), inherited)


UNNAMED = "4 of 4 test patients may be among the patients without names (patients_of: own) that "


def test_own_frames_leave_a_task_over_own_patients_unknown(hospital):
    """And none whose patients are published: nobody's own patients are there."""
    student = student_on_own_films(dino=DINO)
    leakage = flag(student, *hospital)
    assert leakage.flag == "unknown" and leakage.why.startswith(
        f"{UNNAMED}zen was trained on; if you know that none is"
    )
    assert "--trained-on" in leakage.why and "docs/leakage.md" in leakage.why
    published = [name for name in task_names() if name != "hospital_phase"]
    assert {flag(student, *exam_of(name)).flag for name in published} == {"clean"}


def test_teachers_and_statements_by_hand_answer_for_own_patients_too(hospital):
    assert flag(seen(teachers=(student_on_own_films(),)), *hospital).why.startswith(f"{UNNAMED}zen was")
    assert flag(student_on_own_films(t=None), *hospital).why.endswith("; not all training data of t is listed")
    for patient in ("own:7", "sha256:0a"):
        for labels in (False, True):
            assert flag(seen(patient, labels=labels), *hospital) == flag(seen("own:9"), *hospital)
    for known in (UNTRAINED, DINO, seen("cholec80:*", "other:intermountain"), seen("grasp:1", labels=True)):
        assert flag(known, *hospital).flag == "clean"


def test_whoever_knows_states_it(hospital, tmp_path):
    """`docs/leakage.md`: none of them is tested, or these are, under the names that the task gives."""
    content = student_on_own_films(dino=DINO).as_dict()
    content["frames"][0]["patients_of"] = "other:our-films"
    (tmp_path / "statement.json").write_text(json.dumps(content))
    assert flag(read_training_data(tmp_path / "statement.json"), *hospital).flag == "clean"
    content["patients"]["unlabelled"] = ["hospital:case02", "hospital:case11"]
    leakage = flag(from_dict(content, "here"), *hospital)
    assert leakage.flag == "seen_unlabelled" and leakage.why.startswith("1 of 4 test patients seen without labels")
    content["patients"]["unlabelled"] = ["hospital:*"]
    assert flag(from_dict(content, "here"), *hospital).why.startswith("4 of 4 test patients seen")
    content["frames"][0]["patients_of"] = "own"  # what was seen outranks what is not known
    assert flag(from_dict(content, "here"), *hospital).flag == "seen_unlabelled"
    content["patients"]["unlabelled"] = ["hospital:11"]
    with pytest.raises(
        ValueError, match="hospital has no patient of this name; expected hospital:case11, or hospital:"
    ):
        from_dict(content, "here")
    with pytest.raises(ValueError, match="other is for datasets that share no patient"):
        require_known(["other:hospital"], "here")


def test_a_task_that_also_tests_published_patients(hospital):
    task, _ = hospital
    mixed = replace(task.source, patient=lambda video: f"hospital:{video}" if video > "b" else f"cholec80:{video}")
    leakage = flag(student_on_own_films(), replace(task, source=mixed), ["66", "case09"])
    assert leakage.flag == "unknown" and leakage.why.startswith("1 of 2 test patients may be among")


def test_an_own_task_takes_no_name_from_a_published_dataset(hospital):
    """Its source is Cholec80's, changed: frames of Cholec80 are Cholec80's as before."""
    assert "hospital" in known_patients() and "hospital" not in known_datasets()
    assert known_datasets()["cholec80"].title == "Cholec80"
    assert set(known_patients()["cholec80"].values()) == {f"cholec80:{number}" for number in range(1, 81)}
    student = distilled_on([FrameSource(path="v", patients_of="cholec80")], frames_of(v=["video01"]), {})
    assert student.unlabelled == ("cholec80:1",)
    with pytest.raises(ValueError, match="patients_of is 'hospital'; expected 'own' or one of autolaparo, cholec80, "):
        distilled_on([FrameSource(path="v", patients_of="hospital")], frames_of(v=["case01"]), {})


def test_patients_of_the_tasks_that_ship_are_published():
    patients = {patient for videos in known_patients().values() for patient in videos.values()}
    assert {patient.partition(":")[0] for patient in patients if is_published(patient)} == PUBLISHED
    sources = {load_task(name).source.name for name in task_names()}
    assert known_datasets().keys() == sources, "PUBLISHED lacks a dataset (right so, if it is of your own patients)"


def test_the_worst_of_several_flags():
    order = [Leakage(name, "a") for name in ("clean", "unknown", "seen_unlabelled", "seen_labelled")]
    for index, leakage in enumerate(order):
        assert worst(reversed(order[: index + 1])) == leakage
    assert worst([Leakage("unknown", "first"), Leakage("unknown", "second")]).why == "first"


def test_ids_that_fit_the_form_of_a_dataset_but_not_its_videos():
    for dataset, video in (("sarrarp50", "video_11_1"), ("multibypass140", "theatre"), ("cholec80", "video99")):
        with pytest.raises(ValueError, match=f"v: video '{video}' is no id of "):
            distilled_on([FrameSource(path="v", patients_of=dataset)], frames_of(v=[video]), {})


def test_matching():
    assert matching(["a:1", "a:11", "b:1"], ["a:1", "b:*"]) == ["a:1", "b:1"]
