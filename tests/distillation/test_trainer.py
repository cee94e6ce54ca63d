"""The loop learns, resumes to the bit, and leaves teachers alone."""

import json

import pytest
import torch
from accelerate import Accelerator
from datasets import Image
from safetensors.torch import load_file

from zen_hf.data.frame_sources import FrameSource, load_frames
from zen_hf.data.mixture import MixtureSpec
from zen_hf.data.views import ViewSpec
from zen_hf.distillation.balancing import BalancingSpec
from zen_hf.distillation.calibration import StandardisationSpec
from zen_hf.distillation.feed import token_crop
from zen_hf.distillation.masking import MaskingSpec
from zen_hf.distillation.objective import LossSpec
from zen_hf.distillation.optimisation import OptimizerSpec
from zen_hf.distillation.student import StudentSpec, build_student
from zen_hf.distillation.teachers import Teacher, TeacherSpec, load_teacher
from zen_hf.distillation.trainer import Distillation, distillation_progress
from zen_hf.distillation.training_spec import TrainingSpec, mixed_precision
from zen_hf.run_directory import RunDirectory

TINY = {
    "patch_size": 16,
    "hidden_size": 24,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "drop_path_rate": 0.2,  # random numbers in the student, so that resuming must restore them
}


@pytest.fixture
def teachers(vit_teacher, cnn_teacher):
    return [Teacher(TeacherSpec(name=n, source=str(s))) for n, s in (("vit", vit_teacher), ("cnn", cnn_teacher))]


def distillation(
    folder,
    frames,
    teachers,
    fixed=2,
    method="phis",
    optimizer="adamw",
    lr=1e-3,
    balancing=None,
    masking=None,
    image_sizes=(32,),
    views=None,
    losses=None,
    mixture=None,
    replaceable=frozenset(),
    **changes,
):
    settings = {"steps": 6, "batch_size": 4, "precision": "no", "workers": 0, "log_every": 2, "checkpoint_every": 2}
    training = TrainingSpec(**(settings | changes))
    run = RunDirectory.create(folder, training, 0, resume=True)
    return Distillation(
        build_student(StudentSpec(config=TINY, adaptor_size=16), teachers, 32, 0),
        teachers,
        frames,
        list(image_sizes),
        views or ViewSpec(image_size=32, fixed=fixed),
        mixture or MixtureSpec(),
        StandardisationSpec(patches=method, summary=method, views=16),
        losses or LossSpec(),
        balancing or BalancingSpec(),
        masking or MaskingSpec(),
        OptimizerSpec(optimizer, lr=lr, weight_decay=0.0),
        training,
        run,
        Accelerator(cpu=True),
        replaceable=replaceable,
        seed=0,
    )


def weights(run):
    return {name: tensor.clone() for name, tensor in run.student.state_dict().items()}


def logged(folder, key):
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [line[key] for line in lines if key in line]


PLAIN = {"fixed": 0}
WITH_STATE = {
    "fixed": 2,
    "optimizer": "muon",
    "balancing": BalancingSpec("adaloss"),
    "accumulate": 2,
    "ema_decay": 0.9,
    "masking": MaskingSpec(share=0.5),
    "image_sizes": [16, 32],
}
STREAM = {
    "fixed": 0,
    "streamed": True,
    "workers": 2,
    "mixture": MixtureSpec(by="procedure", temperature=0.5),
    "losses": LossSpec(max_shift=1),
    "views": ViewSpec(image_size=48),
}


@pytest.fixture
def streamed(tmp_path, frames):
    """The frames as a stream of two procedures, in row groups of two."""
    folder = tmp_path / "stream"
    folder.mkdir()
    for procedure, rows in (("a", range(8)), ("b", range(8, 12))):
        part = frames.select(rows).remove_columns(["source", "procedure"]).add_column("op", [procedure] * len(rows))
        part.cast_column("image", Image()).to_parquet(folder / f"{procedure}.parquet", batch_size=2)
    return load_frames([FrameSource(path=str(folder), procedure_column="op", streaming=True)])[0]


@pytest.mark.parametrize("settings", [PLAIN, WITH_STATE, STREAM], ids=["plain", "with state", "stream"])
def test_an_interrupted_run_continues_to_the_same_bits(tmp_path, frames, streamed, teachers, settings):
    settings = dict(settings)
    frames = streamed if settings.pop("streamed", False) else frames
    whole = distillation(tmp_path / "whole", frames, teachers, **settings)
    whole.train()

    class Stopped(Exception):
        pass

    torn = distillation(tmp_path / "torn", frames, teachers, **settings)
    forward, calls = torn.student.forward, []

    def stop_in_the_sixth_step(*args, **kwargs):
        calls.append(1)
        if len(calls) == 6 * settings.get("accumulate", 1):
            raise Stopped
        return forward(*args, **kwargs)

    torn.student.forward = stop_in_the_sixth_step
    with pytest.raises(Stopped):
        torn.train()
    assert sorted(path.name for path in (tmp_path / "torn" / "checkpoints").iterdir()) == [
        "step-0000002",
        "step-0000004",
    ]

    torch.manual_seed(123)  # another process would not have our random state
    resumed = distillation(tmp_path / "torn", frames, teachers, **settings)
    resumed.train()
    expected = weights(whole)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in weights(resumed).items())
    expected = whole.trained.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in resumed.trained.state_dict().items())
    assert torch.equal(resumed.balancer.mean_losses, whole.balancer.mean_losses)


def test_workers_change_no_bit(tmp_path, frames, teachers):
    results = []
    for workers in (0, 2):
        run = distillation(tmp_path / str(workers), frames, teachers, fixed=0, steps=3, workers=workers)
        run.train()
        results.append(weights(run))
    assert all(torch.equal(tensor, results[0][name]) for name, tensor in results[1].items())


def test_two_accumulated_batches_of_four_equal_one_of_eight(tmp_path, frames, teachers):
    for name, batch, accumulate in (("eight", 8, 1), ("twice", 4, 2), ("four", 4, 1)):
        changes = {"batch_size": batch, "accumulate": accumulate, "log_every": 1}
        run = distillation(tmp_path / name, frames, teachers, method="channel", **changes)
        for module in run.student.modules():
            if hasattr(module, "drop_rate"):
                module.drop_rate = 0.0  # random numbers per batch
        run.train()
    eight, twice, four = (logged(tmp_path / name, "gradient_norm") for name in ("eight", "twice", "four"))
    assert twice[0] == pytest.approx(eight[0], rel=1e-5) and four[0] != pytest.approx(eight[0], rel=1e-2)
    assert logged(tmp_path / "twice", "loss")[:3] == pytest.approx(logged(tmp_path / "eight", "loss")[:3], rel=1e-3)


@pytest.mark.parametrize("change", [{"checkpoint_activations": True}, {"teacher_chunk": 3}])
def test_what_saves_memory_changes_no_result(tmp_path, frames, teachers, change):
    plain = distillation(tmp_path / "plain", frames, teachers, fixed=0, method="channel")
    saving = distillation(tmp_path / "saving", frames, teachers, fixed=0, method="channel", **change)
    for run in (plain, saving):
        torch.manual_seed(5)  # for the student's own random numbers
        run.train()
    assert logged(tmp_path / "saving", "loss") == pytest.approx(logged(tmp_path / "plain", "loss"), rel=1e-4)


def test_the_log_tells_sources_and_time_apart(tmp_path, streamed, teachers):
    run = distillation(tmp_path / "run", streamed, teachers, fixed=0, mixture=MixtureSpec("procedure"), log_every=1)
    run.train()
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    lines = [line for line in lines if "loss" in line]
    for line in lines:
        assert line["data_wait"] + line["teacher_time"] + line["student_time"] == pytest.approx(1)
        assert line["memory_gb"] > 0.01 and "unreadable_frames" not in line
    assert {key for line in lines for key in line if key.startswith("source/")} == {"source/a", "source/b"}
    only_one = [line for line in lines if "source/b" not in line]
    for line in only_one:  # then it is the loss itself, here the sum of equal teachers' losses over their number
        assert line["source/a"] == pytest.approx(line["loss"], rel=1e-5)


def test_unreadable_frames_of_a_source_that_skips_are_replaced_and_counted(tmp_path, frames, teachers):
    broken = frames.map(
        lambda row, index: row if index % 4 else row | {"image": {"bytes": b"no image", "path": None}},
        with_indices=True,
    ).cast_column("image", Image(decode=False))
    run = distillation(
        tmp_path, broken, teachers, fixed=0, replaceable=frozenset(frames["source"]), log_every=1, steps=3
    )
    run.train()
    assert sum(logged(tmp_path, "unreadable_frames")) == 3  # a quarter of the 12 views


def test_teachers_with_sizes_of_their_own_are_heard_at_these_alone(tmp_path, frames, vit_teacher, cnn_teacher):
    specs = (("vit", vit_teacher, [16]), ("cnn", cnn_teacher, [32]))
    teachers = [Teacher(TeacherSpec(name=n, source=str(s), image_sizes=sizes)) for n, s, sizes in specs]
    run = distillation(tmp_path, frames, teachers, image_sizes=[16, 32])
    run.train()
    for number, batch in zip(range(10), run.feed.batches(0, run.balancer.drawn), strict=False):
        assert list(batch.targets) == (["vit"] if run.feed.size(number) == 16 else ["cnn"])
    with pytest.raises(ValueError, match=r"teacher vit: image_sizes names \[16\], but the student's sizes are \[32\]"):
        distillation(tmp_path / "other", frames, teachers)
    with pytest.raises(ValueError, match="no teacher is heard at the student's size 48"):
        distillation(
            tmp_path / "third", frames, teachers, views=ViewSpec(image_size=48), image_sizes=[16, 32, 48], fixed=0
        )


def test_a_video_teacher_learns_from_clips_with_one_that_sees_frames(tmp_path, frames, teachers, clip_teacher):
    both = [teachers[0], load_teacher(TeacherSpec(name="clips", source=str(clip_teacher)))]
    views = ViewSpec(image_size=32, clip_frames=4)
    losses = LossSpec(patch_change=0.5, summary_change=0.5)
    run = distillation(tmp_path, frames, both, fixed=0, views=views, losses=losses, steps=8, lr=3e-3, log_every=1)
    run.train()
    assert logged(tmp_path, "clips/patch_mse")[-1] < logged(tmp_path, "clips/patch_mse")[0]
    assert len(logged(tmp_path, "vit/patch_change")) == 8 and not logged(tmp_path, "clips/patch_change")
    batch = next(run.feed.batches(0, run.balancer.drawn))
    assert batch.targets["clips"][1].shape[:2] == (1, 2 * 4) and batch.targets["vit"][1].shape[:2] == (4, 4)
    with pytest.raises(ValueError, match="teacher clips sees video: set views.clip_frames"):
        distillation(tmp_path / "frames", frames, both, fixed=0)


def test_shifted_crops_show_the_same_where_they_overlap(tmp_path, frames, teachers):
    views = ViewSpec(image_size=64, colour_jitter=0.0, mask_border=False)
    run = distillation(tmp_path, frames, teachers, fixed=0, views=views, losses=LossSpec(max_shift=1))
    seen = set()
    for _, batch in zip(range(8), run.feed.batches(0, lambda number, heard: []), strict=False):
        seen |= set(batch.offsets.values())
        assert all(abs(edge) <= 1 for offset in batch.offsets.values() for edge in offset)
    assert len(seen) > 4
    images = torch.rand(2, 3, 64, 64)
    grid = (2, 2)
    own, other = token_crop(images, grid, 2, (0, 1), 16), token_crop(images, grid, 2, (1, 0), 16)
    assert torch.equal(own[:, :, 16:, :16], other[:, :, :16, 16:])  # offset (1, -1)
    assert torch.equal(own, images[:, :, :32, 16:48])


def test_settings_that_do_not_fit_each_other_are_refused(tmp_path, frames, teachers):
    cases = {
        "compare frames of a clip": {"losses": LossSpec(patch_change=1.0)},
        "cached teachers have seen one crop": {"losses": LossSpec(max_shift=1)},
        "needs views of 48 pixels": {"losses": LossSpec(max_shift=1), "fixed": 0},
        "crops would not overlap": {"losses": LossSpec(max_shift=2), "fixed": 0, "views": ViewSpec(image_size=64)},
        "batch_size 4 is not divisible by views.clip_frames 3": {"views": ViewSpec(image_size=32, clip_frames=3)},
    }
    for number, (message, settings) in enumerate(cases.items()):
        with pytest.raises(ValueError, match=message):
            distillation(tmp_path / str(number), frames, teachers, **settings)


def test_the_average_is_what_is_exported(tmp_path, frames, teachers):
    run = distillation(tmp_path, frames, teachers, ema_decay=0.9)
    run.train()
    name = "model.layers.0.mlp.up_proj.weight"
    assert not torch.equal(run.trained.state_dict()[name], weights(run)[name])
    assert torch.equal(run.trained.state_dict()[name], run.average.module.state_dict()[name])


@pytest.mark.parametrize("fixed", [0, 2])
def test_teachers_that_are_not_drawn_do_not_run(tmp_path, frames, teachers, fixed):
    run = distillation(tmp_path, frames, teachers, fixed=fixed, balancing=BalancingSpec("sampling"), log_every=1)
    run.train()
    drawn = [run.balancer.drawn(step)[0] for step in range(6)]
    assert set(drawn) == {"vit", "cnn"}
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    named = [{key.split("/")[0] for key in line if "/" in key} for line in lines if "loss" in line]
    assert named == [{name, "source"} for name in drawn]


@pytest.mark.parametrize("fixed", [0, 2])
def test_every_batch_draws_a_size_and_all_teachers_answer_on_its_grid(tmp_path, frames, teachers, fixed):
    run = distillation(tmp_path, frames, teachers, fixed=fixed, image_sizes=[16, 32])
    seen = []
    for number, batch in zip(range(12), filled(run, tmp_path).batches(0, run.balancer.drawn), strict=False):
        size = batch.pixels.shape[-1]
        assert batch.pixels.shape == (4, 3, size, size) and size == run.feed.size(number)
        patches = (size // 16) ** 2
        answers = {name: target[1].shape[1] for name, target in batch.targets.items()}
        assert answers == {"vit": patches, "cnn": patches}
        seen.append(size)
    assert set(seen) == {16, 32}
    # the view is the same whatever its size: at 32 pixels it is what a run at 32 alone sees
    alone = distillation(tmp_path / "alone", frames, teachers, fixed=fixed)
    first = seen.index(32)
    mixed = next(filled(run, tmp_path).batches(first, run.balancer.drawn))
    single = next(filled(alone, tmp_path / "alone").batches(first, run.balancer.drawn))
    assert torch.equal(mixed.pixels, single.pixels)
    assert torch.allclose(mixed.targets["vit"][1].float(), single.targets["vit"][1].float(), atol=1e-5)


def filled(run, folder):
    if run.views.fixed:
        run.feed.fill_caches(folder / "cache", distillation_progress(run.accelerator))
    return run.feed


def test_masked_patches_are_hidden_from_the_student_alone(tmp_path, frames, teachers):
    run = distillation(tmp_path, frames, teachers, masking=MaskingSpec(share=1.0, ratio=[0.5, 0.5]))
    token = "model.embeddings.mask_token"
    before = weights(run)[token]
    run.train()
    assert not torch.equal(weights(run)[token], before)  # it is trained
    pixels = torch.randn(4, 3, 32, 32)
    masks = run.masks(0, pixels)
    assert masks.shape == (4, 4) and (masks.sum(dim=1) == 2).all()
    assert torch.equal(masks, run.masks(0, pixels)) and not torch.equal(masks, run.masks(1, pixels))


def test_a_failing_teacher_is_left_out_and_counted(tmp_path, frames, teachers, monkeypatch):
    calls = []

    def failing(images, grid, healthy=teachers[0].__call__):
        calls.append(1)
        features = healthy(images, grid)
        if len(calls) % 3 == 0:  # also while it is measured
            features.patches[0, 0] = float("nan")
        return features

    original = type(teachers[0]).__call__
    monkeypatch.setattr(
        type(teachers[0]), "__call__", lambda self, *a: failing(*a) if self is teachers[0] else original(self, *a)
    )
    run = distillation(tmp_path, frames, teachers, fixed=0, log_every=1)
    run.train()
    assert run.balancer.nonfinite.tolist() == [2, 0]
    assert all(tensor.isfinite().all() for tensor in weights(run).values())
    with pytest.raises(ValueError, match="teacher vit was infinite or not a number in 1 batches"):
        distillation(
            tmp_path / "strict", frames, teachers, fixed=0, balancing=BalancingSpec(max_nonfinite_steps=0)
        ).train()


@pytest.mark.parametrize("method", ["phis", "channel", "none"])
def test_the_student_learns_a_small_set_by_heart(tmp_path, frames, teachers, method):
    few = frames.select(range(4))
    run = distillation(tmp_path, few, teachers, steps=120, fixed=1, lr=3e-3, method=method)
    run.train()
    losses = logged(tmp_path, "loss")
    assert losses[-1] < 0.35 * losses[0]


def test_teachers_stay_frozen_and_outside_of_what_is_saved(tmp_path, frames, teachers):
    before = [{k: v.clone() for k, v in teacher.encoder.model.state_dict().items()} for teacher in teachers]
    run = distillation(tmp_path, frames, teachers)
    run.train()
    for teacher, state in zip(teachers, before, strict=True):
        assert not teacher.encoder.model.training
        assert all(torch.equal(tensor, state[name]) for name, tensor in teacher.encoder.model.state_dict().items())
    theirs = {id(parameter) for teacher in teachers for parameter in teacher.encoder.model.parameters()}
    optimised = {id(p) for optimizer in run.optimizers for group in optimizer.param_groups for p in group["params"]}
    trainable = {id(p) for p in run.student.parameters() if p.requires_grad}
    assert not theirs & optimised and optimised == trainable
    saved = load_file(tmp_path / "checkpoints" / "step-0000006" / "model.safetensors")
    assert all(key.startswith(("model.", "adaptors.")) for key in saved)


def test_checkpoints_rotate_and_a_torn_one_is_not_loaded(tmp_path, frames, teachers):
    run = distillation(tmp_path, frames, teachers)
    run.train()
    folder = tmp_path / "checkpoints"
    assert sorted(path.name for path in folder.iterdir()) == ["step-0000004", "step-0000006"]
    (folder / "step-0000006" / "step.json").unlink()
    again = distillation(tmp_path, frames, teachers)
    again.train()
    expected = weights(run)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in weights(again).items())


def test_a_run_does_not_go_on_with_other_frames_or_teachers(tmp_path, frames, teachers):
    distillation(tmp_path, frames, teachers).train()
    with pytest.raises(ValueError, match="written with other frames or other weights of a teacher"):
        distillation(tmp_path, frames.select(range(8)), teachers).train()
    with torch.no_grad():
        next(teachers[0].encoder.model.parameters()).add_(1e-3)
    with pytest.raises(ValueError, match="written with other frames or other weights of a teacher"):
        distillation(tmp_path, frames, teachers).train()


def test_sampling_draws_among_the_teachers_that_are_heard(tmp_path, frames, vit_teacher, cnn_teacher):
    specs = (("vit", vit_teacher, []), ("cnn", cnn_teacher, [32]))
    teachers = [Teacher(TeacherSpec(name=n, source=str(s), image_sizes=sizes)) for n, s, sizes in specs]
    balancing = BalancingSpec("sampling")
    run = distillation(tmp_path, frames, teachers, image_sizes=[16, 32], balancing=balancing, steps=12, log_every=1)
    run.train()
    assert len(logged(tmp_path, "loss")) == 12 and logged(tmp_path, "cnn/patch_mse")


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path, frames, teachers):
    run = distillation(tmp_path, frames, teachers, lr=1e30)
    with pytest.raises(ValueError, match=r"step \d+: the loss .*lower optimizer.lr"):
        run.train()


def test_bfloat16_only_where_the_device_has_it(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False, "amx_bf16": False})
    assert mixed_precision("auto") == "no" and mixed_precision("bf16") == "bf16"
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert mixed_precision("auto") == "bf16" and mixed_precision("no") == "no"


def test_impossible_settings_are_refused(teachers):
    with pytest.raises(ValueError, match="expected 'auto', 'bf16' or 'no'"):
        TrainingSpec(precision="fp8")
    with pytest.raises(ValueError, match="training.steps is 0"):
        TrainingSpec(steps=0)
    with pytest.raises(ValueError, match="image size 40 is not divisible .* 32 and 48"):
        build_student(StudentSpec(config=TINY), teachers, 40, 0)
    with pytest.raises(ValueError, match="unknown fields hiden_size"):
        build_student(StudentSpec(config={"hiden_size": 3}), teachers, 32, 0)
    with pytest.raises(ValueError, match="image_sizes holds 48, but views.image_size is 32"):
        build_student(StudentSpec(image_sizes=[32, 48]), teachers, 32, 0)
