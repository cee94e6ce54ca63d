"""`zen-hf distill` from the YAML file to the folder that AutoModel loads, and every way a recipe can be wrong."""

import json
import shutil

import pytest
import torch
import yaml
from transformers import AutoImageProcessor, AutoModel

from zen_hf import ZenForDistillation, ZenModel
from zen_hf.recipes.distill import distill


def test_from_recipe_to_auto_model(recipe, tmp_path, vit_teacher):
    folder = distill(recipe, ["training.steps=6"])
    assert folder == tmp_path / "run" / "model"
    trunk, report = AutoModel.from_pretrained(folder, output_loading_info=True)
    assert type(trunk) is ZenModel and not report["missing_keys"]
    processed = AutoImageProcessor.from_pretrained(folder)(
        torch.zeros(3, 50, 60, dtype=torch.uint8), return_tensors="pt"
    )
    assert trunk(**processed).pooler_output.shape == (1, 24)

    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["videos"] == ["A", "C"] and summary["held_out_videos"] == ["B"] and summary["frames"] == 8
    assert summary["teachers"][0] == {
        "name": "vit",
        "source": str(vit_teacher),
        "revision": None,
        "licence": "Apache-2.0",
    }
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log if "step" in line] == [2, 4, 6]
    assert {"vit/patch_mse", "cnn/summary_angle", "images_per_second", "lr"} <= set(log[-1])


def test_exported_adaptors_speak_in_the_teachers_space(recipe, tmp_path):
    from safetensors.torch import load_file

    from zen_hf.distillation.calibration import load_calibrations

    folder = distill(recipe)
    exported = ZenForDistillation.from_pretrained(folder).eval()
    standardised = ZenForDistillation(exported.config).eval()
    standardised.load_state_dict(load_file(tmp_path / "run" / "checkpoints" / "step-0000004" / "model.safetensors"))
    calibrations = load_calibrations(tmp_path / "run" / "calibration.safetensors")
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        raw, inner = exported(images), standardised(images)
    assert torch.allclose(raw.pooler_output, inner.pooler_output, atol=1e-6)
    for name, calibration in calibrations.items():
        expected = calibration.patches.inverse(inner.patches[name])
        assert torch.allclose(raw.patches[name], expected, rtol=1e-3, atol=1e-3 * expected.abs().max())
        assert torch.allclose(
            raw.summaries[name], calibration.summary.inverse(inner.summaries[name]), rtol=1e-3, atol=1e-2
        )


def test_warm_start_begins_as_the_generalist(recipe, vit_teacher, tmp_path):
    content = yaml.safe_load(recipe.read_text())
    content["student"] = {"generalist": str(vit_teacher), "image_sizes": [28]}
    content["optimizer"] = {"lr": 1e-12}
    recipe.write_text(yaml.safe_dump(content))
    student = AutoModel.from_pretrained(distill(recipe))
    original = AutoModel.from_pretrained(vit_teacher)
    images = torch.randn(1, 3, 42, 28)
    with torch.no_grad():
        difference = student(images).last_hidden_state - original(images).last_hidden_state
    assert difference.abs().max() < 1e-4


def test_a_second_run_goes_on_from_the_first_ones_model(recipe, tmp_path):
    content = yaml.safe_load(recipe.read_text())
    content["standardisation"] |= {"patches": "channel", "summary": "channel"}
    content["training"] |= {"steps": 30, "log_every": 10}
    content["optimizer"], content["teachers"] = {"lr": 1e-2}, content["teachers"][:1]
    recipe.write_text(yaml.safe_dump(content))
    first = ZenForDistillation.from_pretrained(distill(recipe)).eval()
    content |= {"output": str(tmp_path / "second"), "optimizer": {"lr": 1e-12}}
    content["student"] = {"pretrained": str(tmp_path / "run" / "model"), "adaptor_size": 16}
    content["training"]["ema_decay"] = 0.5
    recipe.write_text(yaml.safe_dump(content))
    second = ZenForDistillation.from_pretrained(distill(recipe)).eval()
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        before, after = first(images), second(images)
    torch.testing.assert_close(after.patches["vit"], before.patches["vit"], rtol=1e-3, atol=1e-3)
    losses = [
        json.loads(line)["loss"]
        for run in ("run", "second")
        for line in (tmp_path / run / "log.jsonl").read_text().splitlines()
        if "loss" in line
    ]
    assert losses[3] < 0.9 * losses[0]  # it begins where the first run ended


def test_readings_on_held_out_videos_change_no_weight(recipe, tmp_path):
    plain = distill(recipe)
    overrides = ["monitor.every=2", f"output={tmp_path / 'watched'}"]
    watched = distill(recipe, overrides)
    assert (plain / "model.safetensors").read_bytes() == (watched / "model.safetensors").read_bytes()
    lines = [json.loads(line) for line in (tmp_path / "watched" / "log.jsonl").read_text().splitlines()]
    readings = [line for line in lines if line.get("event") == "monitor"]
    assert [line["step"] for line in readings] == [2, 4]
    assert {"vit/ridge_patch_fvu@32", "cnn/head_patch_fvu@32", "rank_me/student"} <= set(readings[-1])
    with pytest.raises(ValueError, match="monitor.every is 2, but hold_out is empty"):
        distill(recipe, [*overrides, "hold_out=[]"])


def test_a_finished_run_is_not_overwritten(recipe, tmp_path):
    distill(recipe)
    before = (tmp_path / "run" / "model" / "model.safetensors").read_bytes()
    for resume in (False, True):
        with pytest.raises(FileExistsError, match="already holds a finished run"):
            distill(recipe, resume=resume)
    assert (tmp_path / "run" / "model" / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optimizer.lrr=1", "optimizer.lr"),
        ("teachers.0.sorce=x", "source"),
        ("training.steps=many", "training.steps"),
        ("views.image_size=40", "nearest valid sizes are 32 and 48"),
        ("hold_out=[Z]", "hold_out names Z"),
        ("teachers.1.name=vit", "each with a name of its own"),
        ("teachers.0.source=./missing", "missing"),
        ("standardisation.patches=whiten", "expected one of none, global, channel, phis, pca_whiten"),
    ],
)
def test_a_wrong_recipe_is_refused_with_nothing_written(recipe, tmp_path, override, message):
    with pytest.raises((ValueError, OSError), match=message):
        distill(recipe, [override])
    assert not (tmp_path / "run").exists()


def test_a_broken_frame_stops_the_run_unless_skipping_is_asked_for(recipe, frames_folder, tmp_path):
    broken = shutil.copytree(frames_folder, tmp_path / "frames")
    (broken / "A" / "note.txt").write_text("no image")
    with pytest.raises(ValueError, match="note.txt: not an image"):
        distill(recipe, [f"frames.0.path={broken}"])
    assert not (tmp_path / "run").exists()
    distill(recipe, [f"frames.0.path={broken}", "frames.0.on_error=skip"])
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["frames_skipped"] == 1


def test_a_full_disk_leaves_no_half_written_checkpoint(recipe, tmp_path, monkeypatch):
    import errno

    from accelerate import Accelerator

    def full(self, folder, **kwargs):
        (tmp_path / "run" / "checkpoints").mkdir(exist_ok=True)
        with open(f"{folder}/model.safetensors", "wb") as file:
            file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Accelerator, "save_state", full)
        with pytest.raises(OSError, match="No space left"):
            distill(recipe)
    assert list((tmp_path / "run" / "checkpoints").iterdir()) == []
    distill(recipe, resume=True)  # room again: the same run goes on
    assert (tmp_path / "run" / "model" / "model.safetensors").exists()


def test_the_model_states_what_it_was_trained_on(recipe, tmp_path, frames_folder, vit_teacher):
    """Read back by the benchmark: its own frames without held-out videos, and its teachers; no path, no private id."""
    from zen_hf.benchmark.trained_on import training_data_of

    teacher = shutil.copytree(vit_teacher, tmp_path / "teacher")
    statement = {"format": "zen-hf training data 1", "name": "the teacher", "complete": True, "corpora": ["lvd-142m"]}
    (teacher / "training_data.json").write_text(json.dumps(statement))
    overrides = ["frames.0.patients_of=own", f"teachers.0.source={teacher}"]
    data = training_data_of(str(distill(recipe, overrides)))
    assert data.complete and data.frames[0]["source"] == "local" and data.frames[0]["licence"] == "CC0-1.0"
    assert len(data.frames[0]["videos"]) == 2  # B is held out
    assert [(part.name, part.complete) for part in data.teachers] == [("the teacher", True), ("cnn", False)]
    text = (tmp_path / "run" / "model" / "training_data.json").read_text()
    assert str(tmp_path) not in text and str(frames_folder) not in text
    content = yaml.safe_load(recipe.read_text()) | {"output": str(tmp_path / "second")}
    content["student"] = {"pretrained": str(tmp_path / "run" / "model"), "adaptor_size": 16}
    recipe.write_text(yaml.safe_dump(content))
    second = training_data_of(str(distill(recipe)))
    assert not second.complete and second.teachers[-1] == data  # what it started from
    with pytest.raises(ValueError, match="video 'A' is no id of Cholec80"):
        distill(recipe, ["frames.0.patients_of=cholec80", f"output={tmp_path / 'third'}"])
    assert not (tmp_path / "third").exists()
