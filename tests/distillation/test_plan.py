"""A plan counts what a run would do: operations, parameters and memory, from configurations alone."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModel, ConvNextConfig, Dinov2Config, Dinov2Model, ViTConfig

from zen_hf.data.views import ViewSpec
from zen_hf.distillation.balancing import BalancingSpec
from zen_hf.distillation.calibration import StandardisationSpec
from zen_hf.distillation.objective import LossSpec
from zen_hf.distillation.optimisation import OptimizerSpec, build_optimizers
from zen_hf.distillation.plan import GIB, GPUS, StepPlan, describe, plan_step
from zen_hf.distillation.step_cost import Meter
from zen_hf.distillation.student import StudentSpec, build_student
from zen_hf.distillation.teachers import Teacher, TeacherSpec
from zen_hf.distillation.training_spec import TrainingSpec
from zen_hf.distillation.weightless import weightless_teacher
from zen_hf.modeling.configuration_zen import ZenConfig
from zen_hf.modeling.frame_encoder import FrameEncoder
from zen_hf.modeling.modeling_zen import ZenModel
from zen_hf.recipes.plan import plan_distillation

WIDTH, INNER, LAYERS, TOKENS = 24, 48, 2, 1 + 4 + 4  # summary, registers, patches of a 32-pixel view
TINY = {
    "patch_size": 16,
    "hidden_size": WIDTH,
    "intermediate_size": INNER,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 2,
}
LARGER = TINY | {"hidden_size": 96, "intermediate_size": 384, "num_hidden_layers": 6}


TEACHERS = {
    "vit": Dinov2Config(hidden_size=24, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=14),
    "cnn": ConvNextConfig(depths=[1, 1, 1, 1], hidden_sizes=[8, 8, 16, 16], image_size=64),
}


@pytest.fixture
def sources(tmp_path):
    """Folders with a configuration each, and no weights."""
    for name, config in TEACHERS.items():
        config.save_pretrained(tmp_path / name)
    return {name: str(tmp_path / name) for name in TEACHERS}


@pytest.fixture
def models():
    """The same teachers with weights."""
    encoders = {
        name: FrameEncoder(AutoModel.from_config(config), [0.5] * 3, [0.5] * 3) for name, config in TEACHERS.items()
    }
    return [Teacher(TeacherSpec(name=name, source="built here"), encoder) for name, encoder in encoders.items()]


def plan(sources, student=None, processes=1, view_size=32, **changes):
    parts = {
        "views": ViewSpec(image_size=view_size),
        "standardisation": StandardisationSpec(patches="none", summary="none"),
        "losses": LossSpec(summary_angle=0.0),
        "balancing": BalancingSpec(),
        "optimizer": OptimizerSpec(),
        "training": TrainingSpec(batch_size=4, precision="no"),
    }
    teachers = [TeacherSpec(name=name, source=source) for name, source in sources.items()]
    spec = student or StudentSpec(config=TINY, adaptor_size=16)
    return plan_step(spec, teachers, **(parts | changes), processes=processes)


@pytest.mark.parametrize(
    ("config", "pixels", "gflop", "millions"),
    [(Dinov2Config(), 224, 46.3, 85.7), (ViTConfig(), 224, 35.1, 86.4), (ViTConfig(), 384, 111.0, 86.4)],
)
def test_known_models_cost_what_is_known(tmp_path, config, pixels, gflop, millions):
    # published multiply-adds: DINOv2-B/14 at 224 px 23.2 G, ViT-B/16 at 224 px 17.6 G, at 384 px 55.5 G
    config.save_pretrained(tmp_path)
    teacher = weightless_teacher(TeacherSpec(name="known", source=str(tmp_path)), torch.bfloat16)
    grid = (pixels // teacher.encoder.stride,) * 2
    with Meter() as meter:
        teacher(torch.empty(1, 3, pixels, pixels, device="meta"), grid)
    assert meter.operations / 1e9 == pytest.approx(gflop, rel=0.01)
    assert sum(p.numel() for p in teacher.encoder.model.parameters()) / 1e6 == pytest.approx(millions, rel=0.001)


def test_the_students_operations_by_hand(sources):
    step = plan(sources)
    attention, linear = 4 * TOKENS**2 * WIDTH, 2 * TOKENS * (4 * WIDTH**2 + 2 * WIDTH * INNER)
    trunk = 2 * 4 * 3 * 16**2 * WIDTH + LAYERS * (attention + linear)
    sizes = [
        weightless_teacher(TeacherSpec(name=name, source=source), torch.float32).adaptor
        for name, source in sources.items()
    ]
    heads = sum(2 * 16 * (WIDTH + size["summary_size"]) + 2 * 4 * 16 * (WIDTH + size["patch_size"]) for size in sizes)
    assert step.operations["forward"] == trunk + heads
    # twice the forward, but for the gradient of the pixels; fused attention multiplies 5 matrices, not 4
    pixels = 2 * 4 * 3 * 16**2 * WIDTH
    assert step.operations["backward"] == 2 * (trunk + heads) - pixels + LAYERS * attention // 2


def test_the_counts_are_those_of_the_models_themselves(sources, models):
    student = build_student(StudentSpec(config=TINY, adaptor_size=16), models, 32, 0)
    step = plan(sources)
    for teacher in models:
        with (
            FlopCounterMode(display=False) as counter,
            torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH),
        ):
            teacher(torch.rand(4, 3, 32, 32), (2, 2))
        assert step.operations[teacher.name] == counter.get_total_flops() / 4
        assert step.parameters[teacher.name] == sum(p.numel() for p in teacher.encoder.model.parameters())
    assert step.parameters["trunk"] == sum(p.numel() for p in student.model.parameters())
    assert step.parameters["adaptors"] == sum(p.numel() for p in student.adaptors.parameters())
    trainable = sum(p.numel() for p in student.parameters() if p.requires_grad)
    assert step.memory["gradients"] == 4 * trainable and step.memory["optimiser states"] == 8 * trainable
    assert step.memory["student"] == 4 * sum(p.numel() for p in student.parameters())
    assert step.memory["teachers"] == sum(4 * p.numel() for t in models for p in t.encoder.model.parameters())
    assert step.memory["averaged student"] == step.memory["gradient buckets of DDP"] == 0


def test_the_meter_counts_what_a_hand_counts():
    first, second = torch.nn.Linear(16, 32), torch.nn.Linear(32, 4)
    with Meter([*first.parameters(), *second.parameters()]) as meter:
        x = torch.ones(8, 16)
        loss = second(first(x).relu()).sum()
        # x, the hidden layer after ReLU (before it, it is gone) and the loss
        assert meter.live == 4 * (8 * 16 + 8 * 32 + 1)
        assert meter.lap() == 2 * 8 * (16 * 32 + 32 * 4)
        loss.backward()
        assert meter.lap() == 2 * 8 * (16 * 32 + 2 * 32 * 4)
        gradients = sum(p.numel() for p in (*first.parameters(), *second.parameters()))
        assert meter.live == 4 * (8 * 16 + 1 + gradients)
    assert meter.peak >= meter.live


@pytest.mark.parametrize("checkpointing", [False, True])
def test_fake_tensors_take_the_memory_of_real_ones(checkpointing):
    from torch._subclasses.fake_tensor import FakeTensorMode

    def measure(model, pixels):
        if checkpointing:
            model.activation_checkpointing_enable()
        with Meter([*model.parameters(), *model.buffers()]) as meter:
            loss = model(pixels).last_hidden_state.square().mean()
            kept = meter.live
            loss.backward()
        return kept, meter.peak, meter.operations

    real = measure(ZenModel(ZenConfig(**TINY)).train(), torch.rand(2, 3, 64, 64))
    with torch.device("meta"):
        model = ZenModel(ZenConfig(**TINY)).train()
    with FakeTensorMode(allow_non_fake_inputs=True):
        model.to_empty(device="cpu")
        assert measure(model, torch.empty(2, 3, 64, 64)) == real


def test_what_saves_memory_saves_it_in_the_plan(sources):
    def activations(batch_size=16, config=LARGER, **changes):
        training = TrainingSpec(batch_size=batch_size, precision="no", **changes)
        student = StudentSpec(config=config, adaptor_size=16)
        return plan(sources, student, view_size=64, training=training).memory["batch, targets, activations"]

    plain = activations()
    assert activations(checkpoint_activations=True) < 0.7 * plain
    assert activations(batch_size=32) == pytest.approx(2 * plain, rel=0.2)
    # beside its teachers, a tiny student needs little
    whole = activations(64, TINY, checkpoint_activations=True)
    assert activations(64, TINY, checkpoint_activations=True, teacher_chunk=4) < 0.8 * whole


def test_drawn_cached_and_sized_teachers_cost_less(sources):
    everything = plan(sources).operations
    drawn = plan(sources, balancing=BalancingSpec("sampling", sampled_teachers=1)).operations
    assert all(drawn[name] == everything[name] / 2 for name in sources)
    assert drawn["forward"] == everything["forward"]

    cached = plan(sources, views=ViewSpec(image_size=32, fixed=2))
    assert set(cached.operations) == {"forward", "backward", "optimiser"}
    assert cached.cached_operations == {name: everything[name] for name in sources}

    both = plan(sources, StudentSpec(config=TINY, adaptor_size=16, image_sizes=[16, 32])).operations
    small = plan(sources, StudentSpec(config=TINY, adaptor_size=16, image_sizes=[16])).operations
    for name in ("forward", "backward", *sources):
        assert both[name] == pytest.approx((everything[name] + small[name]) / 2)


def test_muon_has_one_state_and_matrix_products_of_its_own(sources, models):
    student = build_student(StudentSpec(config=TINY, adaptor_size=16), models, 32, 0)
    spec = OptimizerSpec("muon")
    adamw, muon = (
        sum(p.numel() for group in optimizer.param_groups for p in group["params"])
        for optimizer in build_optimizers(student, spec)
    )
    step = plan(sources, optimizer=spec)
    assert step.memory["optimiser states"] == 4 * (2 * adamw + muon)
    assert step.operations["optimiser"] > 0 and plan(sources).operations["optimiser"] == 0
    twice = plan(sources, optimizer=spec, training=TrainingSpec(batch_size=4, accumulate=2, precision="no"))
    assert twice.operations["optimiser"] == step.operations["optimiser"] / 2


def test_time_money_and_warnings_by_hand():
    step = StepPlan(
        parameters={"trunk": 10**6, "adaptors": 10**6, "dino": 10**6},
        operations={"forward": 100e9, "backward": 200e9, "optimiser": 0.0, "dino": 100e9},
        cached_operations={},
        memory={"student": 30 * GIB, "activations": 20 * GIB},
        views_per_step=64,
        bf16=True,
        summary="a recipe",
    )
    # 0.4 x 312 TFLOP/s over 400 GFLOP per image = 312 images/s per GPU
    text = describe(step, "A100-80", 4, 312 * 4 * 3600, 0.4, 2.0)
    assert "1,248 images/s" in text and "1.0 hours, 4.0 GPU-hours, 8 at 2 per GPU-hour" in text
    assert "25%" in text and "50.00 of 79 (A100-80)" in text and "WARNING" not in text
    assert step.seconds_per_step(400e9) == 64
    assert "WARNING: 50.0 GiB do not fit into 39" in describe(step, "A100-40", 1, 1, 0.4)
    with pytest.raises(ValueError, match="gpu is 'H1000'; expected one of A100-40, A100-80"):
        describe(step, "H1000", 1, 1, 0.4)
    with pytest.raises(ValueError, match=r"utilisation 40; expected .* in \(0, 1\]"):
        describe(step, "H200", 1, 1, 40)
    assert GPUS["H100-SXM"].bf16 == 989


def test_a_recipe_is_planned_without_weights_frames_or_files(tmp_path, sources, monkeypatch):
    recipe = tmp_path / "recipe.yaml"
    lines = ["output: run", "frames: [{path: ./absent}]", "views: {image_size: 32}", "teachers:"]
    lines += [f"  - {{name: {name}, source: {source}}}" for name, source in sources.items()]
    recipe.write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    text = plan_distillation(
        recipe,
        ["student.variant=tiny", "student.config.num_hidden_layers=2", "training.steps=10", "training.batch_size=2"],
        gpu="RTX-4090",
        gpus=2,
    )
    assert "ZEN tiny at 32 px, 2 teachers, batch 2 per GPU, bfloat16" in text and "40 frames seen" in text
    assert "teacher vit" in text and "gradient buckets of DDP" in text
    assert sorted(tmp_path.rglob("*")) == before
    with pytest.raises(FileNotFoundError, match="absent: no configuration could be read"):
        plan_distillation(recipe, [f"teachers.0.source={tmp_path / 'absent'}"])


def test_a_warm_start_is_planned_from_its_configuration(tmp_path, sources):
    config = Dinov2Config(hidden_size=24, num_hidden_layers=3, num_attention_heads=2, image_size=28, patch_size=14)
    config.save_pretrained(tmp_path / "generalist")
    step = plan(sources, StudentSpec(generalist=str(tmp_path / "generalist"), adaptor_size=16), view_size=28)
    # DINOv2's own parameters
    assert step.parameters["trunk"] == sum(p.numel() for p in Dinov2Model(config).parameters())


def test_going_on_from_a_zen_is_planned_from_its_configuration(tmp_path, sources):
    config = ZenConfig(hidden_size=24, num_hidden_layers=3, num_attention_heads=2, intermediate_size=48, image_size=32)
    config.save_pretrained(tmp_path / "zen")
    step = plan(sources, StudentSpec(pretrained=str(tmp_path / "zen"), adaptor_size=16), view_size=32)
    assert step.parameters["trunk"] == sum(p.numel() for p in ZenModel(config).parameters())
