"""Cached targets equal the teachers' own answers, and no changed setting ever finds an old file."""

from dataclasses import replace

import pytest
import torch
from rich.progress import Progress

from zen_hf.data.views import ViewSpec, make_view
from zen_hf.distillation.batches import ViewIndex
from zen_hf.distillation.target_cache import TargetCache
from zen_hf.distillation.teachers import Teacher, TeacherSpec


@pytest.fixture
def teacher(vit_teacher):
    return Teacher(TeacherSpec(name="vit", source=str(vit_teacher)))


SPEC = ViewSpec(image_size=32, fixed=2)


def build(folder, frames, teacher, spec=SPEC, grid=(2, 2), seed=0):
    return TargetCache(folder, frames, spec, [teacher], grid, seed)


def fill(cache):
    with Progress(disable=True) as progress:
        return cache.fill(progress)


def test_cached_rows_equal_the_teacher_run_on_the_same_view(tmp_path, frames, teacher):
    cache = build(tmp_path, frames, teacher)
    assert fill(cache) == 2 * len(frames)
    batch = [ViewIndex(7, 1), ViewIndex(0, 0)]
    views, targets = cache.read(batch)
    assert views["rows"].tolist() == [[7], [0]] and not views["replaced"].any()
    pixels = views["pixels"][:, 0]
    for row, index in enumerate(batch):
        view = torch.from_numpy(make_view(frames[index.frame]["image"], SPEC, 0, index.view).copy()).permute(2, 0, 1)
        assert torch.equal(pixels[row], view)
        direct = teacher(view[None, :3].float() / 255, (2, 2))
        assert torch.allclose(targets["vit"][0][row], direct.summary[0], atol=1e-5)
        assert torch.allclose(targets["vit"][1][row].float(), direct.patches[0], rtol=1e-2, atol=1e-2)  # bf16


def test_processes_that_fill_it_together_compute_every_view_once(tmp_path, frames, teacher):
    whole, parts = build(tmp_path / "whole", frames, teacher), build(tmp_path / "parts", frames, teacher)
    fill(whole)
    with Progress(disable=True) as progress:
        # one after the other: the second must not take what it lacks for what is missing
        computed = [parts.fill(progress, rank=rank, world_size=2) for rank in (0, 1)]
    assert min(computed) > 0 and sum(computed) == SPEC.fixed * len(frames)
    files = [
        sorted(path.relative_to(cache.folder) for path in cache.folder.rglob("*.safetensors"))
        for cache in (whole, parts)
    ]
    assert files[0] == files[1]
    assert all((whole.folder / name).read_bytes() == (parts.folder / name).read_bytes() for name in files[0])


def test_a_second_run_computes_nothing_and_fewer_videos_share_the_files(tmp_path, frames, teacher):
    fill(build(tmp_path, frames, teacher))
    assert fill(build(tmp_path, frames, teacher)) == 0
    without_a = frames.select([i for i, video in enumerate(frames["video_id"]) if video != "A"])
    cache = build(tmp_path, without_a, teacher)
    assert fill(cache) == 0
    view = make_view(without_a[0]["image"], SPEC, 0, 1)
    assert torch.equal(
        cache.read([ViewIndex(0, 1)])[0]["pixels"][0, 0], torch.from_numpy(view.copy()).permute(2, 0, 1)
    )


@pytest.mark.parametrize(
    "change",
    [
        {"spec": replace(SPEC, scale=[0.5, 1.0])},
        {"spec": replace(SPEC, image_size=48)},
        {"spec": replace(SPEC, colour_jitter=0.1)},
        {"grid": (1, 1)},
        {"seed": 1},
    ],
)
def test_any_other_view_is_computed_anew(tmp_path, frames, teacher, change):
    fill(build(tmp_path, frames, teacher))
    assert fill(build(tmp_path, frames, teacher, **change)) == 2 * len(frames)


def test_leaving_the_border_out_does_not_ask_the_teachers_again(tmp_path, frames, teacher):
    cache = build(tmp_path, frames, teacher)
    fill(cache)
    plain = build(tmp_path, frames, teacher, spec=replace(SPEC, mask_border=False))
    assert fill(plain) == 2 * len(frames)  # pixels without the fourth channel
    assert plain.keys == cache.keys and plain.read([ViewIndex(0, 1)])[0]["pixels"].shape[2] == 3


def test_other_weights_are_another_teacher(tmp_path, frames, teacher):
    fill(build(tmp_path, frames, teacher))
    with torch.no_grad():
        next(teacher.encoder.model.parameters()).add_(1e-3)
    assert fill(build(tmp_path, frames, teacher)) == 2 * len(frames)
