"""Trackers get what the log gets, or the run is refused before it begins."""

import json

import pytest

from zen_hf.data.frame_sources import FrameSource
from zen_hf.distillation.student import StudentSpec
from zen_hf.distillation.teachers import TeacherSpec
from zen_hf.distillation.trackers import flat_settings
from zen_hf.distillation.training_spec import TrainingSpec
from zen_hf.recipes.distill import DistillRecipe, run_distillation

TRUNK = {"patch_size": 16, "hidden_size": 24, "intermediate_size": 48, "num_hidden_layers": 1}


@pytest.fixture
def config(tmp_path, frames_folder, vit_teacher):
    config = DistillRecipe(
        output=str(tmp_path / "run"),
        frames=[FrameSource(path=str(frames_folder))],
        teachers=[TeacherSpec(name="vit", source=str(vit_teacher))],
        student=StudentSpec(config=TRUNK | {"num_attention_heads": 2}, adaptor_size=8),
        training=TrainingSpec(steps=4, batch_size=2, workers=0, precision="no", log_every=2),
    )
    config.views.image_size, config.standardisation.views = 32, 8
    return config


def test_a_tracker_that_is_not_installed_is_refused_before_anything_is_written(tmp_path, config, monkeypatch):
    monkeypatch.setattr("zen_hf.distillation.trackers.get_available_trackers", lambda: [])
    for name, wanted in (("tensorboard", r"pip install zen-hf\[tensorboard\]"), ("wandb", "pip install wandb")):
        config.training.trackers = [name]
        with pytest.raises(ValueError, match=wanted):
            run_distillation(config)
    config.training.trackers = ["tensorbord"]
    with pytest.raises(ValueError, match="'tensorbord'; expected some of .*tensorboard"):
        run_distillation(config)
    assert not (tmp_path / "run").exists()


def test_settings_are_flattened_for_trackers(config):
    settings = flat_settings(config)
    assert settings["teachers.0.name"] == "vit" and settings["training.steps"] == 4
    assert settings["training.cache"] == "None" and settings["hold_out"] == "[]"


def test_tensorboard_shows_what_the_log_says(tmp_path, config):
    pytest.importorskip("tensorboard", reason="needs the extra zen-hf[tensorboard]")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    config.training.trackers = ["tensorboard"]
    run_distillation(config)
    events = EventAccumulator(str(tmp_path / "run" / "trackers" / "zen-hf"))
    events.Reload()
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    lines = [line for line in lines if "lr" in line]
    assert [line["step"] for line in lines] == [2, 4]
    for key in lines[0].keys() - {"step", "time"}:
        shown = {event.step: event.value for event in events.Scalars(key)}
        assert shown == {line["step"]: pytest.approx(line[key]) for line in lines}
    hyperparameters = list((tmp_path / "run" / "trackers").rglob("hparams.yml"))
    assert len(hyperparameters) == 1 and "teachers.0.name: vit" in hyperparameters[0].read_text()
