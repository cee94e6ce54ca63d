# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A student goes on from an exported ZEN as if it had never been exported."""

import pytest
import torch

from zen_hf import ZenModel
from zen_hf.distillation.calibration import Calibration
from zen_hf.distillation.export import export
from zen_hf.distillation.standardisation import METHODS, Standardisation, StreamingMoments
from zen_hf.distillation.student import StudentSpec, build_student, exported_adaptors, standardise_adaptors
from zen_hf.distillation.teachers import Teacher, TeacherSpec

SIZES = {
    "patch_size": 16,
    "hidden_size": 24,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}


@pytest.fixture
def teachers(vit_teacher, cnn_teacher):
    return [Teacher(TeacherSpec(name=n, source=str(s))) for n, s in (("vit", vit_teacher), ("cnn", cnn_teacher))]


def statistics(teachers, method):
    def fitted(size):
        moments = StreamingMoments(size)
        moments.update(torch.randn(300, size) @ torch.randn(size, size) * 3 + 1)
        return Standardisation.fit(method, moments)

    sizes = {teacher.name: (teacher.adaptor["summary_size"], teacher.adaptor["patch_size"]) for teacher in teachers}
    return {name: Calibration(fitted(summary), fitted(patches), 1.0) for name, (summary, patches) in sizes.items()}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("adaptor", ["mlp", "transformer", "ladder"])
def test_an_exported_student_goes_on_where_it_was(tmp_path, teachers, adaptor, method):
    teachers = teachers[:1]  # the other one's 1280 channels take seconds to rotate
    student = build_student(StudentSpec(config=SIZES, adaptor=adaptor, adaptor_size=16), teachers, 32, 0).eval()
    calibrations = statistics(teachers, method)
    export(student, calibrations, tmp_path / "model")
    spec = StudentSpec(pretrained=str(tmp_path / "model"), adaptor=adaptor, adaptor_size=16)
    again = build_student(spec, teachers, 32, seed=1).eval()
    standardise_adaptors(again, exported_adaptors(spec, teachers), calibrations)
    pixels = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        before, after = student(pixels), again(pixels)
    torch.testing.assert_close(after.summaries["vit"], before.summaries["vit"], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(after.patches["vit"], before.patches["vit"], atol=1e-4, rtol=1e-4)


def test_a_new_teacher_gets_a_new_adaptor_and_a_changed_one_is_refused(tmp_path, teachers):
    student = build_student(StudentSpec(config=SIZES, adaptor_size=16), teachers[:1], 32, 0)
    export(student, statistics(teachers[:1], "channel"), tmp_path / "model")
    spec = StudentSpec(pretrained=str(tmp_path / "model"), adaptor_size=16)
    assert exported_adaptors(spec, teachers) == ["vit"]
    again = build_student(spec, teachers, 32, 0)
    assert torch.equal(again.model.layers[1].mlp.up_proj.weight, student.model.layers[1].mlp.up_proj.weight)
    assert set(again.adaptors) == {"vit", "cnn"}
    with pytest.raises(ValueError, match="has an adaptor .* but the recipe's teacher of that name wants"):
        build_student(StudentSpec(pretrained=str(tmp_path / "model"), adaptor_size=8), teachers, 32, 0)


def test_a_trunk_alone_gets_new_adaptors(tmp_path, teachers):
    student = build_student(StudentSpec(config=SIZES, adaptor_size=16), teachers, 32, 0)
    trunk = ZenModel(student.config)
    trunk.config.adaptors = None
    trunk.save_pretrained(tmp_path / "trunk")
    spec = StudentSpec(pretrained=str(tmp_path / "trunk"), adaptor_size=16)
    assert exported_adaptors(spec, teachers) == []
    again = build_student(spec, teachers, 32, 0)
    assert torch.equal(again.model.norm.weight, trunk.norm.weight) and set(again.adaptors) == {"vit", "cnn"}


def test_contradictory_starts_are_refused(tmp_path):
    with pytest.raises(ValueError, match="whose trunk is taken as it is"):
        StudentSpec(pretrained="a", generalist="b")
