# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Every parameter is trained once, at its own learning rate."""

import pytest
import torch
from transformers import VJEPA2Config, VJEPA2Model

from zen_hf.distillation.muon import Muon
from zen_hf.distillation.optimisation import OptimizerSpec, build_optimizers, schedule, set_learning_rates
from zen_hf.distillation.student import StudentSpec, build_student
from zen_hf.distillation.teachers import Teacher, TeacherSpec, VideoTeacher
from zen_hf.modeling.clip_encoder import ClipEncoder

TINY = {"patch_size": 16, "hidden_size": 24, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}


@pytest.fixture
def student(vit_teacher):
    return build_student(
        StudentSpec(config=TINY, adaptor_size=16), [Teacher(TeacherSpec(name="vit", source=str(vit_teacher)))], 32, 0
    )


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_every_trainable_parameter_is_in_exactly_one_group(student, name):
    optimizers = build_optimizers(student, OptimizerSpec(name, trunk_lr_scale=0.1))
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    grouped = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(grouped) == sorted(id(p) for n, p in student.named_parameters() if not n.endswith("mask_token"))
    trunk = {id(parameter) for parameter in student.model.parameters()}
    for group in groups:
        for parameter in group["params"]:
            decayed = parameter.ndim >= 2 and parameter.shape[:2] != (1, 1) and parameter.shape[:2] != (1, 4)
            assert (group["weight_decay"] > 0) == decayed
            peak = (0.1 if id(parameter) in trunk else 1.0) * (1e-2 if "blocks" in group else 1e-3)
            assert group["peak_lr"] == pytest.approx(peak)


@pytest.mark.parametrize("name", ["adamw", "muon"])
@pytest.mark.parametrize("adaptor", ["transformer", "ladder"])
def test_adaptors_of_every_kind_are_trained_by_adamw_once(vit_teacher, adaptor, name):
    frames = Teacher(TeacherSpec(name="vit", source=str(vit_teacher)))
    sizes = {"hidden_size": 24, "num_attention_heads": 2, "num_hidden_layers": 1, "patch_size": 8, "crop_size": 32}
    clips = ClipEncoder(VJEPA2Model(VJEPA2Config(**sizes, pred_num_hidden_layers=1)), [0.5] * 3, [0.5] * 3)
    teachers = [frames, VideoTeacher(TeacherSpec(name="clips", source="x"), clips)]
    student = build_student(StudentSpec(config=TINY, adaptor=adaptor, adaptor_size=16), teachers, 32, 0)
    assert [adaptor["kind"] for adaptor in student.config.adaptors] == [adaptor, "temporal"]
    adamw, *others = build_optimizers(student, OptimizerSpec(name))
    trained = [id(parameter) for group in adamw.param_groups for parameter in group["params"]]
    assert len(trained) == len(set(trained))
    assert {id(parameter) for parameter in student.adaptors.parameters()} <= set(trained)
    everywhere = trained + [id(p) for other in others for group in other.param_groups for p in group["params"]]
    assert sorted(everywhere) == sorted(id(p) for p in student.parameters() if p.requires_grad)
    for group in adamw.param_groups:
        for parameter in group["params"]:
            if not group["trunk"]:
                assert (group["weight_decay"] > 0) == (parameter.ndim == 2)


def test_an_unknown_kind_of_adaptor_is_refused():
    with pytest.raises(ValueError, match="student.adaptor is 'temporal'; expected one of mlp, transformer, ladder"):
        StudentSpec(adaptor="temporal")


def test_muon_takes_the_matrices_of_the_layers_and_nothing_else(student):
    adamw, muon = build_optimizers(student, OptimizerSpec("muon"))
    assert isinstance(adamw, torch.optim.AdamW) and isinstance(muon, Muon)
    names = {id(parameter): name for name, parameter in student.named_parameters()}
    taken = {names[id(p)]: group["blocks"] for group in muon.param_groups for p in group["params"]}
    matrices = {"attention.qkv_proj": 3, "attention.o_proj": 1, "mlp.up_proj": 1, "mlp.down_proj": 1}
    expected = {f"model.layers.{n}.{m}.weight": blocks for n in range(2) for m, blocks in matrices.items()}
    assert taken == expected


def test_the_schedule_warms_up_and_falls_as_a_cosine():
    spec = OptimizerSpec(warmup_share=0.1, final_lr_share=0.01)
    shares = [schedule(step, 100, spec) for step in range(100)]
    assert shares[0] == pytest.approx(0.1) and shares[9] == pytest.approx(1.0)
    assert shares[55] == pytest.approx(0.01 + 0.99 * 0.5, abs=1e-6)
    assert shares[-1] < 0.012 and all(a >= b for a, b in zip(shares[9:], shares[10:], strict=False))


def test_every_group_gets_its_share(student):
    spec = OptimizerSpec("muon", lr=2e-3, muon_lr=4e-2, trunk_lr_scale=0.5, warmup_share=0.25)
    optimizers = build_optimizers(student, spec)
    assert set_learning_rates(optimizers, 0, 16, spec) == {"lr": pytest.approx(0.5e-3)}  # a quarter of the peak
    rates = {round(group["lr"], 9) for optimizer in optimizers for group in optimizer.param_groups}
    assert rates == {0.5e-3, 0.25e-3, 5e-3}


def test_learning_rates_fall_by_layer(student):
    spec = OptimizerSpec(layer_decay=0.5, trunk_lr_scale=0.1)
    (adamw,) = build_optimizers(student, spec)
    names = {id(parameter): name for name, parameter in student.named_parameters()}
    for group in adamw.param_groups:
        for parameter in group["params"]:
            name = names[id(parameter)]
            share = 0.1 if name.startswith("model.") else 1.0
            share *= 0.5 if ".layers.0." in name else 0.25 if ".embeddings." in name else 1.0
            assert group["peak_lr"] == pytest.approx(1e-3 * share), name


def test_the_trunk_rests_while_the_adaptors_warm_up(student):
    spec = OptimizerSpec("muon", head_warmup_share=0.2, warmup_share=0.1)
    optimizers = build_optimizers(student, spec)
    trunk = [group for optimizer in optimizers for group in optimizer.param_groups if group["trunk"]]
    adaptors = [group for optimizer in optimizers for group in optimizer.param_groups if not group["trunk"]]
    trunk_rates, adaptor_rates = [], []
    for step in range(100):
        set_learning_rates(optimizers, step, 100, spec)
        trunk_rates.append(max(group["lr"] for group in trunk))
        adaptor_rates.append(max(group["lr"] for group in adaptors))
    assert trunk_rates[:20] == [0.0] * 20 and 0 < trunk_rates[20] < trunk_rates[27] == pytest.approx(1e-2)
    assert min(adaptor_rates) > 0


def test_an_unknown_optimiser_is_refused():
    with pytest.raises(ValueError, match="optimizer.name is 'sgd'; expected 'adamw' or 'muon'"):
        OptimizerSpec("sgd")
    with pytest.raises(ValueError, match="layer_decay is 1.5, expected a value in"):
        OptimizerSpec(layer_decay=1.5)
