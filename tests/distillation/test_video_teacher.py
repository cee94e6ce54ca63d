# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A teacher of clips answers with V-JEPA 2's tokens, in V-JEPA 2's order, on the student's grid."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import VJEPA2Config, VJEPA2Model, VJEPA2VideoProcessor

from zen_hf.distillation.teachers import TeacherSpec, VideoTeacher, load_teacher
from zen_hf.modeling.clip_encoder import ClipEncoder
from zen_hf.modeling.frame_encoder import FrameEncoder

SIZES = {"hidden_size": 24, "num_attention_heads": 2, "num_hidden_layers": 2, "patch_size": 8, "mlp_ratio": 2}
SIZES |= {"pred_hidden_size": 12, "pred_num_attention_heads": 2, "pred_num_hidden_layers": 1, "frames_per_clip": 8}
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def vjepa2(crop_size: int = 32, **settings) -> VJEPA2Model:
    torch.manual_seed(0)
    model = VJEPA2Model(VJEPA2Config(**(SIZES | settings), crop_size=crop_size)).eval()
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("teachers") / "vjepa2"
    vjepa2().save_pretrained(folder)
    try:
        VJEPA2VideoProcessor(crop_size=32).save_pretrained(folder)
    except ImportError:  # the class needs torchvision; its file is read without
        settings = {"image_mean": MEAN, "image_std": STD, "crop_size": {"height": 32, "width": 32}}
        settings |= {"do_normalize": True, "do_rescale": True, "rescale_factor": 1 / 255, "do_center_crop": True}
        (folder / "video_preprocessor_config.json").write_text(json.dumps(settings))
    return folder


def teacher(folder) -> VideoTeacher:
    return load_teacher(TeacherSpec(name="clips", source=str(folder)))


def test_features_are_those_of_the_model(folder):
    found = teacher(folder)
    assert isinstance(found, VideoTeacher) and found.is_video
    assert found.adaptor == {
        "name": "clips",
        "kind": "temporal",
        "tubelet_size": 2,
        "summary_size": 24,
        "patch_size": 24,
    }
    clips = torch.rand(2, 4, 3, 32, 32)
    features = found(clips, grid=(4, 4))
    pixels = (clips - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    with torch.no_grad():
        expected = vjepa2()(pixels, skip_predictor=True).last_hidden_state
    assert features.patches.shape == (2, 2 * 4 * 4, 24) and features.grid == (4, 4)
    torch.testing.assert_close(features.patches, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(features.summary, expected.mean(dim=1), atol=1e-4, rtol=1e-4)
    assert not features.patches.requires_grad


def test_tokens_run_by_time_then_row_then_column():
    """Without a layer, a token is a linear map of its tubelet: time 1, row 2, column 3 of 2 x 4 x 4 is number 27."""
    encoder = ClipEncoder(vjepa2(num_hidden_layers=0), [0.0] * 3, [1.0] * 3)
    clips = torch.zeros(1, 4, 3, 32, 32)
    changed = clips.clone()
    changed[:, 2:4, :, 16:24, 24:32] = 1.0
    difference = (encoder(clips).patches - encoder(changed).patches).abs().sum(dim=-1)[0]
    assert difference.nonzero().flatten().tolist() == [1 * 16 + 2 * 4 + 3]


def test_positions_follow_the_grid_of_the_input():
    """A model made for 32 px reads 48 px as the same weights made for 48 px do; as transformers runs it, it does not."""
    small, large = vjepa2(crop_size=32), vjepa2(crop_size=48)
    clips = torch.rand(1, 4, 3, 48, 48)
    with torch.no_grad():
        misplaced = small(clips, skip_predictor=True).last_hidden_state
        expected = large(clips, skip_predictor=True).last_hidden_state
    assert (misplaced - expected).abs().max() > 1e-2
    encoder = ClipEncoder(small, [0.0] * 3, [1.0] * 3)
    torch.testing.assert_close(encoder(clips).patches, expected, atol=1e-4, rtol=1e-4)
    smaller = encoder(clips[..., :32, :32]).patches  # and back
    torch.testing.assert_close(smaller, ClipEncoder(vjepa2(32), [0.0] * 3, [1.0] * 3)(clips[..., :32, :32]).patches)


def test_clips_are_resized_to_the_grid(folder):
    found = teacher(folder)
    features = found(torch.rand(1, 2, 3, 80, 80), grid=(5, 5))
    assert features.patches.shape == (1, 25, 24) and features.grid == (5, 5)


def test_clips_that_do_not_fit_are_refused(folder):
    found = teacher(folder)
    with pytest.raises(ValueError, match="clips have 3 frames, but it joins every 2"):
        found(torch.rand(1, 3, 3, 32, 32), grid=(4, 4))
    with pytest.raises(ValueError, match="not yet normalised"):
        found(torch.randn(1, 2, 3, 48, 48), grid=(4, 4))
    with pytest.raises(ValueError, match="takes square ones"):
        found(torch.rand(1, 2, 3, 32, 32), grid=(4, 5))


def test_the_predictor_is_neither_needed_nor_kept(folder, tmp_path):
    whole = teacher(folder)
    assert whole.encoder.model.predictor is None
    state = {k: v for k, v in load_file(folder / "model.safetensors").items() if not k.startswith("predictor.")}
    for file in folder.glob("*.json"):
        (tmp_path / file.name).write_text(file.read_text())
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    assert teacher(tmp_path).encoder.fingerprint == whole.encoder.fingerprint
    del state["encoder.layer.1.mlp.fc1.weight"]
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match="lacks 1 .*encoder.layer.1.mlp.fc1.weight"):
        teacher(tmp_path)


def test_frames_and_clips_are_not_mistaken_for_each_other(folder, vit_teacher):
    with pytest.raises(ValueError, match="takes clips, not frames; read it with ClipEncoder"):
        FrameEncoder.from_pretrained(str(folder))
    frames = FrameEncoder.from_pretrained(str(vit_teacher))
    with pytest.raises(ValueError, match="no model of the V-JEPA 2 family"):
        ClipEncoder(frames.model, MEAN, STD)
    with pytest.raises(ValueError, match="takes clips, for which resolution is always 'grid_match'; got 'native'"):
        load_teacher(TeacherSpec(name="clips", source=str(folder), resolution="native", image_size=32))
