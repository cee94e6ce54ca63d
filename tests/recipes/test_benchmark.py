# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""`zen-hf benchmark`, from an encoder's folder and miniatures of synthetic surgery to results with their baselines."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch
from image_text_models import save_image_text
from typer.testing import CliRunner

from zen_hf import ZenConfig, ZenModel
from zen_hf.benchmark.candidate import load_candidate
from zen_hf.benchmark.heads import attentive, linear, ms_tcn
from zen_hf.benchmark.miniatures.write import write_miniature
from zen_hf.benchmark.task import load_task
from zen_hf.benchmark.text_prompts import FOLDER
from zen_hf.cli import app
from zen_hf.modeling.image_processor_zen import zen_image_processor
from zen_hf.modeling.image_text_encoder import JointFrameEncoder
from zen_hf.recipes.benchmark import benchmark, configuration, plan_benchmark, read_data, run_one

FAST = ("epochs=1", "max_steps_per_epoch=2", "batch_size=4")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Miniatures of two datasets whose heads can be exchanged, each in a folder with its name."""
    root = tmp_path_factory.mktemp("datasets")
    for name in ("cholec80_phase", "m2cai16_phase"):
        task = load_task(name)
        write_miniature(task, root / task.source.name, seconds=10, size=32)
    return root


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    torch.manual_seed(1)  # not the seed of the untrained baseline
    folder = tmp_path_factory.mktemp("model")
    config = ZenConfig(
        hidden_size=24, num_hidden_layers=1, num_attention_heads=2, intermediate_size=48, patch_size=16, image_size=32
    )
    ZenModel(config).save_pretrained(folder)
    zen_image_processor(config).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module", autouse=True)
def short_training():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attentive, "STEPS", 40)
        patch.setattr(ms_tcn, "MOST_EPOCHS", 8)
        patch.setattr(linear, "STRENGTHS", linear.STRENGTHS[::4])
        yield


@pytest.fixture(scope="module")
def plan(data, model, tmp_path_factory):
    cache = tmp_path_factory.mktemp("features")

    def plan(out, **changes):
        settings = {
            "model": model,
            "data": data,
            "out": out,
            "tasks": ["cholec80_phase"],
            "protocols": ["frozen"],
            "seeds": 1,
            "tuning": FAST,
            "cache_dir": cache,
        }
        return plan_benchmark(**settings | changes)

    return plan


@pytest.fixture(scope="module")
def finished(plan, tmp_path_factory):
    """One task under three protocols."""
    out = tmp_path_factory.mktemp("finished") / "results"
    folders = benchmark(plan(out, protocols=["few_shot", "lora", "zero_shot"]))
    return out, {key: json.loads((folder / "summary.json").read_text()) for key, folder in folders.items()}


def test_every_protocol_leaves_a_result_with_baselines(finished):
    out, results = finished
    assert results.keys() == {("cholec80_phase", name) for name in ("few_shot", "lora", "zero_shot")}
    for (task, protocol), result in results.items():
        folder = out / task / protocol
        assert not (folder / "parts").exists()
        assert (folder / "predictions.safetensors").is_file()
        assert result["split"]["name"].endswith("(miniature)") and result["leakage"]["flag"] == "unknown"
        for name in ("raw_pixels", "random_trunk"):
            beside = json.loads((folder / "baselines" / name / "summary.json").read_text())
            # which operations Cholec80 shares with M2CAI16, whose head is transferred, was never published
            assert beside["leakage"]["flag"] == ("unknown" if protocol == "zero_shot" else "clean")
            assert beside["protocol"] == protocol and beside["split"] == result["split"]
    heads = {protocol: list(result["targets"]["phase"]["heads"]) for (_, protocol), result in results.items()}
    assert heads["few_shot"] == ["linear@2", "linear_smoothed@2", "ms_tcn@2"]
    assert heads["lora"] == ["linear", "linear_smoothed", "ms_tcn"]
    transferred = "transfer:m2cai16_phase"
    assert heads["zero_shot"] == [transferred, f"{transferred}_smoothed", "knn", "knn_smoothed"]
    runs = results["cholec80_phase", "few_shot"]["targets"]["phase"]["heads"]["linear@2"]["runs"]
    assert [run["run"] for run in runs] == ["subset 0", "subset 1", "subset 2"]


def test_trained_adapter_is_kept(finished):
    adapter = finished[0] / "cholec80_phase" / "lora" / "models" / "model"
    assert (adapter / "adapter_config.json").is_file() and (adapter / "adapter_model.safetensors").is_file()


def test_transfer_never_trains_on_a_patient_that_is_tested(finished):
    chosen = finished[1]["cholec80_phase", "zero_shot"]["targets"]["phase"]["heads"]["transfer:m2cai16_phase"]
    patients = {
        load_task("m2cai16_phase").source.patient(video) for video in chosen["runs"][0]["chosen"][0]["trained_on"]
    }
    tested = {
        load_task("cholec80_phase").source.patient(video)
        for video in finished[1]["cholec80_phase", "zero_shot"]["split"]["held_out"][0]
    }
    assert not patients & tested


def test_the_same_command_goes_on(finished, plan, monkeypatch, tmp_path):
    """Finished results are kept and the rest is run; with other settings or other weights, finished ones are refused."""
    out = finished[0]
    from zen_hf.recipes import benchmark as recipe

    real, ran = recipe.measure, []
    monkeypatch.setattr(recipe, "measure", lambda *a, **s: ran.append(a[2].protocol) or real(*a, **s))
    wanted = plan(out, protocols=["few_shot", "lora", "zero_shot", "frozen"], baselines=True)
    assert list(benchmark(wanted)) == [("cholec80_phase", name) for name in wanted.protocols]
    assert ran == ["frozen"] * 3
    with pytest.raises(FileExistsError, match=r"other settings: image_size \(was None, now 64\)"):
        benchmark(plan(out, protocols=["few_shot", "lora"], image_size=64))
    from safetensors.torch import load_file, save_file

    weights = Path(wanted.model) / "model.safetensors"
    before = weights.read_bytes()
    changed = {name: value * 1.5 for name, value in load_file(weights).items()}
    save_file(changed, weights, metadata={"format": "pt"})
    try:
        with pytest.raises(FileExistsError, match="other settings: encoders"):
            benchmark(plan(out, protocols=["few_shot", "lora"]))
    finally:
        weights.write_bytes(before)


def test_one_broken_dataset_does_not_stop_the_others(plan, data, tmp_path, capsys):
    broken = shutil.copytree(data, tmp_path / "data")
    next((broken / "cholec80" / "tool_annotations").iterdir()).unlink()
    run = plan(
        tmp_path / "out", data=broken, tasks=["cholec80_tool", "m2cai16_phase"], heads=["linear"], baselines=False
    )
    with pytest.raises(ValueError, match="1 of 2 failed, see above"):
        benchmark(run)
    assert (tmp_path / "out" / "m2cai16_phase" / "frozen" / "summary.json").is_file()
    assert "cholec80_tool, frozen: no score" in capsys.readouterr().out


def test_interrupted_run_goes_on_with_what_is_missing(plan, tmp_path, monkeypatch):
    from zen_hf.recipes import benchmark as recipe

    real, calls = recipe.measure, []

    def interrupt(*arguments, **settings):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments, **settings)

    run = plan(tmp_path / "run", heads=["linear"])
    with monkeypatch.context() as patch:
        patch.setattr(recipe, "measure", interrupt)
        with pytest.raises(KeyboardInterrupt):
            benchmark(run)
    assert (tmp_path / "run" / "baselines" / "raw_pixels" / "summary.json").is_file()
    assert not (tmp_path / "run" / "summary.json").exists()
    counted = []
    monkeypatch.setattr(recipe, "measure", lambda *a, **s: counted.append(a) or real(*a, **s))
    benchmark(run)
    assert len(counted) == 2  # the untrained trunk and the model; raw pixels were there
    with pytest.raises(FileExistsError, match="already holds a finished run"):
        benchmark(run)


def test_tasks_without_data_are_absent_not_zero(plan, tmp_path, capsys):
    results = benchmark(plan(tmp_path / "out", tasks=None, suite="workflow", heads=["linear"], baselines=False))
    assert {task for task, _ in results} == {"cholec80_phase", "cholec80_tool", "m2cai16_phase"}
    printed = capsys.readouterr().out
    assert "grasp_phase, frozen: no score: absent (no folder grasp in" in printed and "On miniatures" in printed


def break_frame(data):
    film = next((data / "cholec80" / "videos").iterdir())
    film.write_bytes(b"no film")


def lose_half(data):
    for path in sorted((data / "cholec80" / "phase_annotations").iterdir())[::2]:
        path.unlink()


@pytest.mark.parametrize(
    ("spoil", "changes", "error", "message"),
    [
        (None, {"tasks": ["cholec80_phse"]}, ValueError, "did you mean 'cholec80_phase'"),
        (None, {"image_size": 30}, ValueError, "image size 30 .* stride 16: use 16 or 32"),
        (None, {"model": "nowhere"}, FileNotFoundError, "nowhere"),
        (None, {"split": "cholec80_1_2"}, ValueError, "no split 'cholec80_1_2'"),
        (None, {"tuning": ["epoch=3"]}, ValueError, "did you mean 'epochs'"),
        (None, {"heads": ["linaer"]}, ValueError, "unknown head 'linaer'"),
        (None, {"heads": ["knn"]}, ValueError, "protocol frozen has none of the heads knn"),
        (None, {"suite": "zen", "tasks": None}, ValueError, "the suites are: workflow"),
        (break_frame, {}, ValueError, "cannot be read as a video"),
        (lose_half, {}, (FileNotFoundError, ValueError), "phase_annotations|phase.txt"),
    ],
)
def test_bad_input_leaves_nothing_behind(data, plan, tmp_path, spoil, changes, error, message):
    if spoil:
        data = shutil.copytree(data, tmp_path / "data")
        spoil(data)
    with pytest.raises(error, match=message):
        benchmark(plan(tmp_path / "run", data=data, **changes))
    assert not (tmp_path / "run").exists()


NO_EFFECT = "would do nothing: prompts are read in protocol zero_shot by the head text"


@pytest.mark.parametrize(
    ("given", "changes", "error", "message"),
    [
        ("nowhere.json", {}, FileNotFoundError, "there is no such file or folder"),
        ("mine.json", {"protocols": ["frozen", "lora"]}, ValueError, NO_EFFECT),
        ("mine.json", {"heads": ["knn"]}, ValueError, NO_EFFECT),
        ("mine.json", {"tasks": ["scared_depth"]}, ValueError, NO_EFFECT),
        ("mine.json", {"tasks": ["endovis18_vqa"]}, ValueError, NO_EFFECT),
        (
            "mine.json",
            {"tasks": ["cholec80_phase", "cholec80_tool"]},
            ValueError,
            "one file for 2 tasks; give a folder",
        ),
        (
            "words",
            {"tasks": ["cholec80_phase", "cholec80_tool"]},
            FileNotFoundError,
            "no cholec80_tool.json; put a file",
        ),
        ("mine.json", {"protocols": ["frozen", "zero_shot"]}, ValueError, "has no text tower to read them"),
    ],
)
def test_prompts_without_effect_are_refused(plan, tmp_path, given, changes, error, message):
    (tmp_path / "words").mkdir()
    for place in (tmp_path / "mine.json", tmp_path / "words" / "cholec80_phase.json"):
        place.write_text((FOLDER / "cholec80_phase.json").read_text())
    out = tmp_path / "run"
    with pytest.raises(error, match=message):
        run = plan(out, **{"protocols": ["zero_shot"], "prompts": tmp_path / given} | changes)
        run_one(run, *one_task(run), run.protocols[0], out)
    assert not out.exists()


def one_task(run):
    """What `run_one` is given of the first task."""
    task, data = load_task(run.tasks[0]), run.data / "cholec80"
    return task, data, lambda: read_data(task, data), lambda model: load_candidate(model)


def test_a_folder_of_prompts_may_lack_those_of_absent_data(plan, data, tmp_path):
    for name in ("cholec80_phase", "cholec80_tool"):
        (tmp_path / f"{name}.json").write_text("{}")
    suite = {"suite": "workflow", "tasks": None, "protocols": ["zero_shot"], "prompts": tmp_path}
    with pytest.raises(FileNotFoundError, match="no m2cai16_phase.json; put a file there"):
        plan(tmp_path / "run", **suite)
    (tmp_path / "m2cai16_phase.json").write_text("{}")
    assert len(plan(tmp_path / "run", **suite).tasks) > 4  # AutoLaparo and others have no folder here


def test_prompts_are_compared_by_their_content(plan, tmp_path):
    file = tmp_path / "cholec80_phase.json"
    file.write_text((FOLDER / file.name).read_text())
    for given in (tmp_path, file):
        run = plan(tmp_path / "run", protocols=["zero_shot"], prompts=given)
        before = configuration(run, "cholec80_phase", "zero_shot", [])
        assert before["prompts_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        assert configuration(run, "cholec80_phase", "frozen", [])["prompts_sha256"] is None
        file.write_text(file.read_text() + " ")
        assert configuration(run, "cholec80_phase", "zero_shot", [])["prompts_sha256"] != before["prompts_sha256"]


def test_prompts_are_read_by_an_image_text_model(plan, tmp_path, data):
    """A user's words reach the result, and other words in the same file make another result."""
    save_image_text("clip", tmp_path / "clip")
    labels = load_task("cholec80_phase").targets[0].labels
    words = "hook grasper scissors tissue work phase view".split()
    present = {label: [f"a {word}"] for label, word in zip(labels, words, strict=True)}
    content = {"name": "mine", "version": 3, "targets": {"phase": {"present": present}}}
    (tmp_path / "mine.json").write_text(json.dumps(content))
    asked = {"model": str(tmp_path / "clip"), "protocols": ["zero_shot"], "heads": ["text"], "baselines": False}
    asked |= {"prompts": tmp_path / "mine.json", "data": data / "cholec80"}
    benchmark(plan(tmp_path / "run", **asked))
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    chosen = summary["targets"]["phase"]["heads"]["text"]["runs"][0]["chosen"][0]
    assert chosen["prompts"] == "mine" and set(chosen["text_model"]) == {"images", "texts", "scale"}
    assert chosen["text_model"]["images"] == JointFrameEncoder.from_pretrained(str(tmp_path / "clip")).fingerprint


def test_command_line(data, model, tmp_path):
    arguments = ["benchmark", "--model", model, "--data", str(data), "--out", str(tmp_path / "run"), "--no-baselines"]
    arguments += ["--seeds", "1", "--head", "linear", "--cache", str(tmp_path / "cache")]
    refused = CliRunner().invoke(app, arguments)
    assert refused.exit_code != 0
    done = CliRunner().invoke(app, [*arguments, "--task", "cholec80_tool"])
    assert done.exit_code == 0, done.output
    assert "map_global" in done.output
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["task"] == "cholec80_tool"


def test_encoder_without_a_processor_is_refused(data, plan, model, tmp_path):
    bare = shutil.copytree(model, tmp_path / "bare")
    (bare / "preprocessor_config.json").unlink()
    with pytest.raises(ValueError, match="normalisation"):
        benchmark(plan(tmp_path / "run", model=str(bare)))
    assert not (tmp_path / "run").exists()
