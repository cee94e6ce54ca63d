# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The readings of held-out videos, each against a computation of its own; and that taking them changes nothing."""

import copy
import math

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.linear_model import Ridge
from sklearn.metrics import average_precision_score

from zen_hf.data.frame_sources import FrameSource, load_frames
from zen_hf.distillation.calibration import Calibration
from zen_hf.distillation.held_out import HeldOutMonitor, MonitorSpec
from zen_hf.distillation.held_out_features import kept_tokens
from zen_hf.distillation.held_out_frames import choose_frames, whole_frames
from zen_hf.distillation.monitors.rank_me import rank_me
from zen_hf.distillation.monitors.tuned_ridge import fit_tuned_ridge
from zen_hf.distillation.standardisation import Standardisation, StreamingMoments
from zen_hf.distillation.student import StudentSpec, build_student
from zen_hf.distillation.teachers import Teacher, TeacherSpec, resize

GRIDS = {32: (2, 2), 48: (3, 3)}
TINY = {"patch_size": 16, "hidden_size": 24, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}


@pytest.fixture(scope="module")
def teachers(vit_teacher, cnn_teacher):
    return [
        Teacher(TeacherSpec(name=name, source=str(at))) for name, at in (("vit", vit_teacher), ("cnn", cnn_teacher))
    ]


def new_student(teachers, seed=0):
    return build_student(StudentSpec(config=dict(TINY), adaptor_size=16), teachers, 48, seed)


@pytest.fixture(scope="module")
def parts(frames):
    """Frames of A and C to fit on, of B to test on, with labels of both kinds."""
    labelled = frames.add_column("phase", [["cut", "sew"][row % 2] for row in range(len(frames))])
    labelled = labelled.add_column("tools", [[row % 2, (row // 2) % 2, 0] for row in range(len(frames))])
    return choose_frames(labelled, ["B"], 120)


@pytest.fixture(scope="module")
def calibrations(teachers):
    """Standardisations from arbitrary features, whose inverse is no identity."""
    result = {}
    for teacher in teachers:
        maps = []
        for size in (teacher.encoder.summary_size, teacher.encoder.hidden_size):
            moments = StreamingMoments(size)
            moments.update(3 + 2 * torch.randn(500, size, generator=torch.Generator().manual_seed(size)))
            maps.append(Standardisation.fit("phis", moments))
        result[teacher.name] = Calibration(*maps, 1.0)
    return result


@pytest.fixture(scope="module")
def reading(parts, teachers, calibrations):
    student = new_student(teachers).train()
    spec = MonitorSpec(label_column="phase", neighbours=3)
    monitor = HeldOutMonitor(spec, *parts, teachers, GRIDS, new_student(teachers, seed=1))
    return monitor(student, calibrations), student, monitor


@torch.no_grad()
def trunk(student, frames, size):
    """Trunk's output for frames, rendered and normalised here."""
    config, student = student.config, copy.deepcopy(student).eval()
    pixels = resize(whole_frames(frames, 48)[0].float() / 255, (size, size))
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (config.image_mean, config.image_deviation))
    return student((pixels - mean) / std)


def test_readings_are_complete_and_plain_numbers(reading):
    readings, _, monitor = reading
    expected = {
        f"{probe}/{e}"
        for probe in ("rank_me", "position", "knn", "linear")
        for e in ("student", "untrained", "vit", "cnn")
    }
    kinds = ("summary_fvu", "patch_fvu", "patch_fvu_pos")
    for teacher in ("vit", "cnn"):
        for size in (32, 48):
            expected |= {
                f"{teacher}/{side}_{kind}@{size}" for side in ("head", "ridge", "untrained_ridge") for kind in kinds
            }
            expected |= {f"{teacher}/cka@{size}", f"{teacher}/resolution_ratio@{size}"}
        expected.add(f"{teacher}/resolution_alarms")
    optional = {"retention/knn", "retention/linear"}  # where a teacher leads the untrained trunk
    assert set(readings) - optional == expected | {"regret/knn", "regret/linear"}
    assert all(type(value) is float and math.isfinite(value) for value in readings.values())
    assert monitor.notes == []


def test_head_fvu_is_taken_in_the_teachers_space(reading, parts, teachers, calibrations):
    readings, student, _ = reading
    for teacher in teachers:
        output = trunk(student, parts[1], 32)
        known, wanted = (teacher(whole_frames(part, 48)[0].float() / 255, (2, 2)) for part in parts)
        calibration = calibrations[teacher.name]
        for kind, said in (("summary", output.summaries), ("patches", output.patches)):
            inverse = getattr(calibration, kind).inverse(said[teacher.name]).double().numpy()
            truth, training = (getattr(answer, kind).double().numpy() for answer in (wanted, known))
            baseline = training.reshape(-1, training.shape[-1]).mean(0)
            expected = np.square(inverse - truth).sum() / np.square(truth - baseline).sum()
            name = {"summary": "summary", "patches": "patch"}[kind]
            assert readings[f"{teacher.name}/head_{name}_fvu@32"] == pytest.approx(expected, rel=1e-4)
        expected = np.square(inverse - truth).sum() / np.square(truth - training.mean(0)).sum()
        assert readings[f"{teacher.name}/head_patch_fvu_pos@32"] == pytest.approx(expected, rel=1e-4)


def test_ridge_fvu_equals_scikit_learn(reading, parts, teachers):
    readings, student, _ = reading
    teacher = teachers[0]
    x, unseen = (trunk(student, part, 48).last_hidden_state[:, -9:].flatten(0, 1).double() for part in parts)
    y, wanted = (
        teacher(whole_frames(part, 48)[0].float() / 255, (3, 3)).patches.flatten(0, 1).double() for part in parts
    )
    videos = [video for video in parts[0]["video_id"] for _ in range(9)]
    penalty = fit_tuned_ridge(x.float(), y.float(), videos).penalty
    mean, std = x.mean(0), x.std(0)
    reference = Ridge(alpha=len(x) * penalty).fit(((x - mean) / std).numpy(), y.numpy())
    error = np.square(reference.predict(((unseen - mean) / std).numpy()) - wanted.numpy()).sum()
    expected = error / (wanted - y.mean(0)).square().sum()
    assert readings["vit/ridge_patch_fvu@48"] == pytest.approx(float(expected), rel=1e-3)
    assert readings["rank_me/student"] == pytest.approx(rank_me(trunk(student, parts[1], 48).pooler_output))


def test_retention_and_regret_compare_with_the_best_teacher(reading):
    readings, *_ = reading
    for probe in ("knn", "linear"):
        student, control = readings[f"{probe}/student"], readings[f"{probe}/untrained"]
        best = max(readings[f"{probe}/vit"], readings[f"{probe}/cnn"])
        assert readings[f"regret/{probe}"] == best - student
        assert (f"retention/{probe}" in readings) == (best > control)
        if best > control:
            assert readings[f"retention/{probe}"] == (student - control) / (best - control)


def test_resolution_ratio_is_over_the_best_size(reading):
    readings, *_ = reading
    values = {size: readings[f"vit/head_patch_fvu@{size}"] for size in (32, 48)}
    for size, value in values.items():
        assert readings[f"vit/resolution_ratio@{size}"] == value / min(values.values())
    assert readings["vit/resolution_alarms"] == (max(values.values()) > 1.5 * min(values.values()))


def test_several_labels_per_frame(parts, teachers):
    spec = MonitorSpec(label_column="tools", neighbours=8)
    readings = HeldOutMonitor(spec, *parts, teachers[:1], {48: (3, 3)})(new_student(teachers))
    teacher = teachers[0]
    bank, queries = (
        torch.nn.functional.normalize(teacher(whole_frames(part, 48)[0].float() / 255, (3, 3)).summary)
        for part in parts
    )
    weights = torch.exp(queries @ bank.T / 0.07)  # all eight vote
    votes = weights @ torch.tensor(parts[0]["tools"]).float() / weights.sum(1, keepdim=True)
    truth = np.array(parts[1]["tools"])
    expected = np.mean([average_precision_score(truth[:, c], votes[:, c]) for c in (0, 1)])  # the third is never shown
    assert readings["knn/vit"] == pytest.approx(expected)
    assert (
        "knn/untrained" not in readings and "retention/knn" not in readings and "resolution_ratio@48" not in readings
    )


class DrawingTeacher(Teacher):
    """A teacher that draws when it answers, as ViTMAE does."""

    def __call__(self, images, grid):
        torch.rand(3)
        return super().__call__(images, grid)


def test_monitoring_leaves_training_as_it_was(parts, teachers, calibrations):
    """The same bits with and without, with dropout, a part of the student in evaluation mode, and random draws."""
    drawing = [DrawingTeacher(teachers[0].spec, teachers[0].encoder), teachers[1]]

    def train(monitored: bool):
        student = new_student(teachers)
        student.model.embeddings.requires_grad_(False)
        dropout = torch.nn.Dropout(0.5)
        student.adaptors["vit"].register_module("dropout", dropout)
        optimizer = torch.optim.SGD([p for p in student.parameters() if p.requires_grad], lr=0.1, momentum=0.9)
        student.train()
        student.model.embeddings.eval()
        torch.manual_seed(3)
        np.random.seed(3)
        monitor = HeldOutMonitor(MonitorSpec(), *parts, drawing, {32: (2, 2)}, student) if monitored else None
        for _ in range(3):
            if monitored:
                monitor(student, calibrations)
                assert all(p.requires_grad for p in student.model.layers.parameters())
            output = student(torch.randn(2, 3, 32, 32))
            noise = float(np.random.rand())
            loss = sum((dropout(output.patches[n]) - noise).square().mean() for n in ("vit", "cnn"))
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        return student

    plain, monitored = train(False), train(True)
    for (name, first), second in zip(plain.state_dict().items(), monitored.state_dict().values(), strict=True):
        assert torch.equal(first, second), name
    assert [m.training for m in plain.modules()] == [m.training for m in monitored.modules()]
    assert not monitored.model.embeddings.training and monitored.adaptors["vit"].dropout.training


def test_a_video_in_both_parts_is_an_error(parts, teachers):
    with pytest.raises(ValueError, match="1 videos are in training and test .such as 'A'"):
        HeldOutMonitor(MonitorSpec(), parts[0], parts[0].select([0]), teachers, GRIDS)


def test_teachers_of_video_are_left_out_by_name(parts, teachers, monkeypatch):
    clips = copy.copy(teachers[1])
    clips.is_video = True
    monitor = HeldOutMonitor(MonitorSpec(), *parts, [teachers[0], clips], {32: (2, 2)})
    assert monitor.notes == ["cnn is a teacher of video and is not measured on frames"]
    assert not any(key.startswith("cnn/") for key in monitor(new_student(teachers)))
    with pytest.raises(ValueError, match="expected at least one of images"):
        HeldOutMonitor(MonitorSpec(), *parts, [clips], {32: (2, 2)})


def test_frames_on_which_a_teacher_fails_are_left_out(parts, teachers):
    failing = copy.copy(teachers[0])

    class Failing(type(failing)):
        calls = 0

        def __call__(self, images, grid):
            features = super().__call__(images, grid)
            Failing.calls += 1
            if Failing.calls == 1:
                features.patches[2] = float("nan")
            return features

    failing.__class__ = Failing
    monitor = HeldOutMonitor(MonitorSpec(), *parts, [failing], {32: (2, 2)})
    kept = [row for row in range(8) if row != 2]
    expected = HeldOutMonitor(MonitorSpec(), parts[0].select(kept), parts[1], teachers[:1], {32: (2, 2)})
    student = new_student(teachers)
    assert monitor.notes == ["1 frames are left out, on which a teacher's features are not finite"]
    assert monitor(student) == pytest.approx(expected(student), rel=1e-4)


def test_what_cannot_be_measured_is_named_before_training(parts, teachers, frames):
    grids = {32: (2, 2)}
    with pytest.raises(ValueError, match="label_column is 'tool', but the frames have the columns image, video_id"):
        HeldOutMonitor(MonitorSpec(label_column="tool"), *parts, teachers, grids)
    with pytest.raises(ValueError, match="8 frames of 2 training videos .*neighbours=20"):
        HeldOutMonitor(MonitorSpec(label_column="phase"), *parts, teachers, grids)
    with pytest.raises(ValueError, match="the frames have 3 videos, 2 of them to test on"):
        choose_frames(frames, ["A", "B"], 10)
    with pytest.raises(ValueError, match="monitor.tokens is 3; expected at least 4"):
        MonitorSpec(tokens=3)
    student = new_student(teachers)
    student.model.norm.weight.data.fill_(float("nan"))
    with pytest.raises(ValueError, match="not finite"):
        HeldOutMonitor(MonitorSpec(), *parts, teachers, grids)(student)


def test_frames_are_spread_over_their_part(frames_folder):
    frames, _ = load_frames([FrameSource(path=str(frames_folder))])
    fitting, testing = choose_frames(frames, ["B"], 4)
    assert fitting["video_id"][:] == ["A", "A", "C", "C"] and testing["video_id"][:] == ["B"] * 4
    assert fitting[0]["image"]["path"].endswith("0.png") and fitting[3]["image"]["path"].endswith("3.png")


def test_tokens_are_kept_in_rows_and_columns():
    places, grid = kept_tokens((4, 6), 24)
    assert places.tolist() == list(range(24)) and grid == (4, 6)
    places, grid = kept_tokens((4, 6), 6)
    assert places.tolist() == [0, 2, 4, 12, 14, 16] and grid == (2, 3)


def test_the_black_border_is_not_measured(teachers, tmp_path):
    """What teacher and student say of patches without picture changes no FVU."""
    random = np.random.default_rng(0)
    for video in ("A", "B", "C"):
        (tmp_path / video).mkdir()
        for frame in range(4):
            pixels = random.integers(60, 255, (48, 48, 3), dtype=np.uint8)
            pixels[:, 32:] = 0  # the last of three columns of patches
            Image.fromarray(pixels).save(tmp_path / video / f"{frame}.png")
    parts = choose_frames(load_frames([FrameSource(path=str(tmp_path))])[0], ["B"], 120)

    class Elsewhere(Teacher):
        """Says something else of the last column."""

        def __call__(self, images, grid):
            features = super().__call__(images, grid)
            features.patches.unflatten(1, grid)[:, :, 2] += 100 * torch.randn(3, features.patches.shape[-1])
            return features

    monitors = [
        HeldOutMonitor(MonitorSpec(), *parts, [kind(teachers[0].spec, teachers[0].encoder)], {48: (3, 3)})
        for kind in (Teacher, Elsewhere)
    ]
    assert monitors[0].picture[48][0].view(-1, 3, 3)[:, :, :2].all() and not monitors[0].picture[48][1][:, 2::3].any()
    readings, other = (monitor(new_student(teachers)) for monitor in monitors)
    for key in readings:
        if key != "position/vit":
            assert readings[key] == pytest.approx(other[key], rel=1e-4), key

    # by hand: mean of each position over what was shown of it
    known, wanted = (teachers[0](whole_frames(part, 48)[0].float() / 255, (3, 3)).patches.double() for part in parts)
    said = trunk(new_student(teachers), parts[1], 48).patches["vit"].double()
    places = [0, 1, 3, 4, 6, 7]
    error = (said - wanted)[:, places].square().sum()
    expected = error / (wanted - known.mean(0))[:, places].square().sum()
    assert readings["vit/head_patch_fvu_pos@48"] == pytest.approx(float(expected), rel=1e-4)
