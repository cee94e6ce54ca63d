# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A tuned trunk learns what can be learned, from training and validation videos alone, and its folder gives it back."""

import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from sklearn.metrics import average_precision_score
from transformers import (
    AutoImageProcessor,
    AutoModel,
    AutoModelForImageClassification,
    DINOv3ViTConfig,
    DINOv3ViTModel,
)

from zen_hf.benchmark import feature_cache
from zen_hf.benchmark.feature_cache import extract_features, frame_to_pixels, undecoded
from zen_hf.benchmark.task import load_task
from zen_hf.benchmark.tuning import decoded_frames, train_trunk
from zen_hf.benchmark.tuning.classifier import NEVER
from zen_hf.benchmark.tuning.settings import TuningSettings
from zen_hf.benchmark.tuning.train_trunk import tune
from zen_hf.modeling import FrameEncoder

QUICK = TuningSettings(epochs=2, batch_size=8, rank=4)
LEARN = TuningSettings(
    epochs=15,
    batch_size=8,
    patience=15,
    rank=4,
    lora_learning_rate=1e-2,
    full_learning_rate=1e-2,
    head_learning_rate=1e-2,
)


@pytest.fixture(scope="session")
def run(checkpoints, frames, fold_labels, targets, sizes):
    def tuned(family="zen", method="lora", settings=QUICK, seed=0, val=("c",), **arguments):
        arguments = {"frames": frames, "labels": fold_labels(val=val), "model": checkpoints[family]} | arguments
        return tune(
            targets=targets, image_size=sizes[family], method=method, seed=seed, settings=settings, **arguments
        )

    return tuned


@pytest.fixture(scope="session")
def held_out(frames):
    return frames.select([row for row, video in enumerate(frames["video_id"]) if video == "test"])


def logits_of(model, encoder, frames, size):
    """What a model gives for some frames, by hand."""
    pixels = torch.stack([frame_to_pixels(row, size) for row in undecoded(frames)])
    with torch.no_grad():
        return model(pixel_values=encoder.normalise(pixels)).logits.numpy()


@pytest.mark.parametrize(
    ("family", "method"),
    [
        ("zen", "lora"),
        ("zen", "dora"),
        ("zen", "full"),
        ("dinov2", "lora"),
        ("resnet", "dora"),
        ("resnet", "full"),
    ],
)
def test_a_planted_signal_is_learned(run, held_out, truth, family, method):
    tuned = run(family, method, LEARN)
    logits = tuned.logits(held_out)
    tool, phase = truth["tool"]["test"], truth["phase"]["test"]
    assert logits["tool"].shape == logits["phase"].shape == (12, 3) and logits["tool"].dtype == np.float32
    assert min(average_precision_score(tool[:, k], logits["tool"][:, k]) for k in (0, 1)) > 0.95
    assert (logits["phase"].argmax(axis=1) == phase).mean() > 0.9
    assert (logits["tool"][:, 2] == NEVER).all() and (logits["phase"][:, 1] == NEVER).all()
    json.dumps(tuned.chosen, allow_nan=False)
    assert tuned.chosen["train_loss"][-1] < 0.5 * tuned.chosen["train_loss"][0]


def test_lora_changes_attention_alone_and_by_few_directions(run, checkpoints):
    trunk = run(settings=LEARN).encoder.model.state_dict()
    before = load_file(Path(checkpoints["zen"]) / "model.safetensors")
    changed = {name for name, value in before.items() if not torch.equal(value, trunk[name])}
    assert changed == {
        f"layers.{n}.attention.{projection}.weight" for n in (0, 1) for projection in ("qkv_proj", "o_proj")
    }
    for name in changed:
        values = torch.linalg.svdvals((trunk[name] - before[name]).double())
        assert values[4] < 1e-5 * values[0] and values[0] > 1e-3


def test_full_changes_everything_that_is_used(run, checkpoints):
    trunk = run(method="full").encoder.model.state_dict()
    before = load_file(Path(checkpoints["zen"]) / "model.safetensors")
    unchanged = {name for name, value in before.items() if torch.equal(value, trunk[name])}
    assert unchanged == {"embeddings.mask_token"}


@pytest.mark.parametrize(
    ("family", "method"),
    [("zen", "lora"), ("zen", "dora"), ("dinov2", "lora"), ("dinov2", "dora"), ("mobilenet", "dora")],
)
def test_adapter_folder_loads_in_peft_and_in_transformers(run, checkpoints, held_out, sizes, tmp_path, family, method):
    tuned = run(family, method, TuningSettings(epochs=2, batch_size=8, lora_learning_rate=1e-2), folder=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "labels.json",
        "preprocessor_config.json",
        "README.md",
    }
    expected = np.concatenate(list(tuned.logits(held_out).values()), axis=1)
    labels = json.loads((tmp_path / "labels.json").read_text())
    assert labels == {
        "0": "tool:red",
        "1": "tool:green",
        "2": "tool:never",
        "3": "phase:dark",
        "4": "phase:absent",
    } | {"5": "phase:blue"}
    encoder = FrameEncoder.from_pretrained(checkpoints[family])
    base = AutoModelForImageClassification.from_pretrained(checkpoints[family], num_labels=6)
    peft = PeftModel.from_pretrained(base, tmp_path).eval()
    np.testing.assert_allclose(logits_of(peft, encoder, held_out, sizes[family]), expected, atol=1e-5)
    direct = AutoModelForImageClassification.from_pretrained(
        tmp_path, num_labels=len(labels), ignore_mismatched_sizes=True
    )
    np.testing.assert_allclose(logits_of(direct, encoder, held_out, sizes[family]), expected, atol=1e-5)


def test_an_adapter_of_a_classifier_with_other_classes_loads_too(run, checkpoints, held_out, sizes, tmp_path):
    """Published classifiers bring a head for their own classes; it is replaced."""
    shutil.copytree(checkpoints["resnet"], tmp_path / "base")
    AutoModelForImageClassification.from_pretrained(checkpoints["resnet"], num_labels=9).save_pretrained(
        tmp_path / "base"
    )
    tuned = run("resnet", model=str(tmp_path / "base"), folder=tmp_path / "adapter")
    expected = np.concatenate(list(tuned.logits(held_out).values()), axis=1)
    again = AutoModelForImageClassification.from_pretrained(
        tmp_path / "adapter", num_labels=6, ignore_mismatched_sizes=True
    )
    found = logits_of(again, tuned.encoder, held_out, sizes["resnet"])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_whole_model_folder_loads_everywhere(run, held_out, sizes, tmp_path):
    tuned = run(method="full", folder=tmp_path)
    expected = np.concatenate(list(tuned.logits(held_out).values()), axis=1)
    model = AutoModelForImageClassification.from_pretrained(tmp_path)
    assert model.config.id2label[3] == "phase:dark"
    np.testing.assert_allclose(logits_of(model, tuned.encoder, held_out, sizes["zen"]), expected, atol=1e-5)
    assert FrameEncoder.from_pretrained(str(tmp_path)).fingerprint == tuned.encoder.fingerprint
    picture = held_out[0]["image"]
    pixels = AutoImageProcessor.from_pretrained(tmp_path)(picture, return_tensors="pt")["pixel_values"]
    ours = tuned.encoder.normalise(frame_to_pixels(undecoded(held_out)[0], sizes["zen"])[None])
    level = 1 / 255 / tuned.encoder.std.min().item()  # the processor resizes by Pillow
    torch.testing.assert_close(pixels, ours, atol=1.01 * level, rtol=0)


def test_encoder_extracts_the_features_that_the_classifier_saw(run, held_out, sizes, tmp_path):
    tuned = run()
    features = extract_features(tuned.encoder, held_out, ["test"], sizes["zen"], tmp_path)["test"]
    layer = tuned.model.classifier
    joined = np.concatenate([features.summary, features.mean_patch], axis=1)
    by_hand = joined @ layer.weight.numpy().T + layer.bias.numpy()
    np.testing.assert_allclose(by_hand[:, :3], tuned.logits(held_out)["tool"], atol=1e-4)


def test_test_videos_are_never_decoded(run, monkeypatch):
    seen = set()

    def watched(row, size):
        seen.add(row["video_id"])
        return frame_to_pixels(row, size)

    monkeypatch.setattr(decoded_frames, "frame_to_pixels", watched)
    run()
    assert seen == {"a", "b", "c"}
    seen.clear()
    run(val=())
    assert seen == {"a", "b"}


def test_best_epoch_is_kept_and_patience_ends_training(run, monkeypatch):
    scores, heads = iter([0.0] * 2 + [0.5, 0.3, 0.9, 0.9, 0.1, 0.1, 0.2, 0.2]), []
    monkeypatch.setattr(train_trunk, "selection_scores", lambda *_: [next(scores)])
    predict = train_trunk.predict

    def watched(forward, *arguments):
        heads.append(forward.model.get_submodule("base_model.model.classifier.modules_to_save.default").weight.clone())
        return predict(forward, *arguments)

    monkeypatch.setattr(train_trunk, "predict", watched)
    tuned = run(settings=TuningSettings(epochs=9, batch_size=8, patience=2))
    assert tuned.chosen["validation_scores"] == pytest.approx([0.4, 0.9, 0.1, 0.2])
    assert tuned.chosen["best_epoch"] == 2 and tuned.chosen["epochs"] == 4
    assert torch.equal(tuned.model.classifier.weight, heads[1]) and not torch.equal(heads[1], heads[3])


def test_without_validation_videos_all_epochs_run(run):
    chosen = run(val=(), settings=TuningSettings(epochs=3, batch_size=8, max_steps_per_epoch=2)).chosen
    assert chosen["selection"] == "fixed number of epochs" and chosen["validation_scores"] == []
    assert chosen["epochs"] == chosen["best_epoch"] == 3 and chosen["steps_per_epoch"] == 2


@pytest.mark.parametrize(("family", "method"), [("zen", "dora"), ("resnet", "full")])
def test_equal_seeds_give_equal_logits(run, held_out, family, method):
    settings = TuningSettings(epochs=2, batch_size=8, dropout=0.0 if method == "full" else 0.1)
    state = torch.random.get_rng_state()
    first, again, other = (run(family, method, settings, seed).logits(held_out)["tool"] for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert torch.equal(state, torch.random.get_rng_state())


def test_random_trunk_has_the_architecture_alone(run, checkpoints, held_out, tmp_path):
    tuned = run(initial="random", folder=tmp_path)
    before = load_file(Path(checkpoints["zen"]) / "model.safetensors")
    after = tuned.encoder.model.state_dict()
    assert before.keys() == after.keys()
    name = "layers.0.mlp.up_proj.weight"  # no adapter changes it
    assert after[name].std() < 0.5 * before[name].std()
    loaded = AutoModel.from_pretrained(tmp_path).state_dict()  # an adapter of lost weights would be worth nothing
    assert torch.equal(loaded[name], after[name])
    assert np.isfinite(tuned.logits(held_out)["tool"]).all()


def test_what_does_not_fit_is_refused_by_name(run, frames, fold_labels, targets, truth, checkpoints, tmp_path):
    config = DINOv3ViTConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    DINOv3ViTModel(config).save_pretrained(tmp_path / "dinov3")
    shutil.copy(Path(checkpoints["zen"]) / "preprocessor_config.json", tmp_path / "dinov3")
    with pytest.raises(ValueError, match="'dinov3_vit' has no class for AutoModelForImageClassification"):
        run(model=str(tmp_path / "dinov3"))
    shutil.copytree(checkpoints["zen"], tmp_path / "bare")
    (tmp_path / "bare" / "preprocessor_config.json").unlink()
    with pytest.raises(ValueError, match="normalisation"):
        run(model=str(tmp_path / "bare"))
    with pytest.raises(FileNotFoundError, match="nowhere"):
        run(model=str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match="'lora', 'dora' or 'full'"):
        run(method="ia3")
    labels = fold_labels(val=())
    labels.train["tool"]["a"] = labels.train["tool"]["a"][:-1]
    with pytest.raises(ValueError, match="video 'a' has 12 frames and 11 labels of 'tool'"):
        run(labels=labels)
    labels = fold_labels(val=())
    labels.train["tool"] = {video: np.zeros_like(value) for video, value in labels.train["tool"].items()}
    with pytest.raises(ValueError, match="tool: none of its 3 classes occurs"):
        run(labels=labels)
    with pytest.raises(ValueError, match="image size 30 .* 16 or 32"):
        tune(checkpoints["zen"], frames, fold_labels(), targets, 30, "lora", 0, QUICK)
    with pytest.raises(ValueError, match="tuning setting rank is 0; expected a whole number from 1"):
        TuningSettings(rank=0)


def test_a_score_that_is_undefined_on_validation_is_found_before_training(run, fold_labels, monkeypatch):
    labels = fold_labels()
    labels.val["tool"]["c"] = np.zeros_like(labels.val["tool"]["c"])
    monkeypatch.setattr(train_trunk, "loss_over_targets", lambda *_: pytest.fail("trained"))
    with pytest.raises(ValueError, match="undefined on all 1 videos"):
        run(labels=labels)


def test_frames_of_a_film_are_predicted_by_one_thread_in_order(run, miniature, monkeypatch):
    films = load_task("cholec80_phase").read(miniature("cholec80_phase"))
    film = films.select([row for row, video in enumerate(films["video_id"]) if video == films[0]["video_id"]])
    read, open_frame = [], feature_cache.open_frame
    monkeypatch.setattr(
        feature_cache, "open_frame", lambda path: read.append((path, threading.get_ident())) or open_frame(path)
    )
    assert len(run().logits(film)["phase"]) == len(film)
    assert [path for path, _ in read] == [cell["path"] for cell in undecoded(film)["image"]]
    assert len({thread for _, thread in read}) == 1
