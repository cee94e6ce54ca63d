"""Teachers answer on the student's grid, from inputs of the size that gives them this grid."""

import json

import pytest
import torch
from transformers import MobileNetV2Config, MobileNetV2Model, SamConfig, SamModel

from zen_hf.distillation.teachers import Teacher, TeacherSpec, load_teacher, resize
from zen_hf.modeling.frame_encoder import FrameEncoder


def test_grid_matched_inputs_for_unlike_strides(vit_teacher, cnn_teacher):
    images = torch.rand(2, 3, 48, 64)
    for source, width, stride in ((vit_teacher, 24, 14), (cnn_teacher, None, 32)):
        teacher = Teacher(TeacherSpec(name="t", source=str(source)))
        features = teacher(images, grid=(3, 4))
        assert features.grid == (3, 4) and features.patches.shape[1] == 12
        assert width is None or features.patches.shape[2] == width
        direct = teacher.encoder(resize(images, (3 * stride, 4 * stride)))
        assert torch.equal(features.patches, direct.patches)


def test_native_features_are_averaged_onto_the_grid(vit_teacher):
    teacher = Teacher(TeacherSpec(name="t", source=str(vit_teacher), resolution="native", image_size=56))
    images = torch.rand(1, 3, 56, 56)
    fine = teacher.encoder(images).patches.view(1, 4, 4, 24)
    expected = fine.view(1, 2, 2, 2, 2, 24).mean(dim=(2, 4)).flatten(1, 2)
    assert torch.allclose(teacher(images, grid=(2, 2)).patches, expected, atol=1e-6)


def test_native_features_are_enlarged_bilinearly_where_they_are_coarser(vit_teacher):
    teacher = Teacher(TeacherSpec(name="t", source=str(vit_teacher), resolution="native", image_size=28))
    images = torch.rand(1, 3, 56, 56)
    coarse = teacher.encoder(resize(images, (28, 28))).patches.view(2, 2, 24)
    features = teacher(images, grid=(4, 4))
    assert features.grid == (4, 4)
    # the centre of patch (1, 0) of 4 x 4 lies a quarter of a coarse patch below (0, 0), on the left border
    found = features.patches.view(4, 4, 24)
    assert torch.allclose(found[1, 0], 0.75 * coarse[0, 0] + 0.25 * coarse[1, 0], atol=1e-6)
    assert torch.allclose(found[0, 0], coarse[0, 0], atol=1e-6)


@pytest.mark.parametrize("kind", ["vit", "cnn"])
def test_padded_frames_keep_their_own_patches(kind, vit_teacher, cnn_teacher):
    source, stride = (vit_teacher, 14) if kind == "vit" else (cnn_teacher, 32)
    canvas = 4 * stride
    teacher = Teacher(TeacherSpec(name="t", source=str(source), resolution="pad", image_size=canvas))
    images = torch.rand(2, 3, 3 * stride, 2 * stride)
    features = teacher(images, grid=(3, 2))
    mean = torch.tensor([0.5, 0.4, 0.3]).view(1, 3, 1, 1).expand(2, 3, canvas, canvas).clone()
    mean[:, :, : 3 * stride, : 2 * stride] = images
    whole = teacher.encoder(mean)
    expected = whole.patches.unflatten(1, (4, 4))[:, :3, :2].flatten(1, 2)
    assert features.grid == (3, 2)
    assert torch.allclose(features.patches, expected, atol=1e-5)
    assert torch.allclose(features.summary, whole.summary, atol=1e-5)
    with pytest.raises(ValueError, match=f"do not fit a canvas of {canvas}"):
        teacher(images, grid=(5, 5))


def test_sam_reads_frames_on_its_own_canvas(tmp_path):
    size, patch = {"image_size": 64, "patch_size": 8}, {"hidden_size": 16}
    vision = {**size, "hidden_size": 24, "output_channels": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    vision |= {"window_size": 4, "global_attn_indexes": [1], "mlp_dim": 32}
    sam = SamModel(SamConfig(vision_config=vision, prompt_encoder_config=patch | size, mask_decoder_config=patch))
    sam.eval().save_pretrained(tmp_path)
    settings = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.2, 0.3], "size": {"longest_edge": 64}}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    teacher = load_teacher(TeacherSpec(name="sam", source=str(tmp_path), resolution="pad", image_size=64))
    images = torch.rand(2, 3, 48, 40)
    canvas = torch.zeros(2, 3, 64, 64)
    canvas[:, :, :48, :40] = (images - teacher.encoder.mean) / teacher.encoder.std
    with torch.no_grad():
        expected = sam.vision_encoder(canvas).last_hidden_state[:, :, :6, :5].flatten(2).transpose(1, 2)
    features = teacher(images, grid=(6, 5))
    torch.testing.assert_close(features.patches, expected)
    torch.testing.assert_close(features.summary, expected.mean(dim=1))  # of the frame, not of the canvas
    assert teacher.adaptor == {"name": "sam", "summary_size": 16, "patch_size": 16}


def test_the_mean_of_a_padded_map_leaves_the_padding_out():
    config = MobileNetV2Config(depth_multiplier=0.1, min_depth=4, image_size=64, tf_padding=False)
    encoder = FrameEncoder(MobileNetV2Model(config, add_pooling_layer=False), [0.5] * 3, [0.5] * 3)
    features = encoder(torch.rand(1, 3, 32, 64), canvas=96)
    assert features.patches.shape[1] == 2 and torch.equal(features.summary, features.patches.mean(dim=1))


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"image_size": 56}, "set resolution to 'native' .* or to 'pad'"),
        ({"resolution": "native"}, "'native' needs image_size"),
        ({"resolution": "pad"}, "'pad' needs image_size"),
        ({"resolution": "crop"}, "'crop'; expected one of grid_match, native, pad"),
    ],
)
def test_resolutions_that_contradict_themselves(settings, message):
    with pytest.raises(ValueError, match=message):
        TeacherSpec(name="t", source="x", **settings)


def test_views_that_are_normalised_already_are_refused_though_they_are_resized(vit_teacher):
    teacher = Teacher(TeacherSpec(name="t", source=str(vit_teacher)))
    with pytest.raises(ValueError, match="not yet normalised"):
        teacher(torch.randn(1, 3, 48, 64), grid=(3, 4))
    corner = torch.zeros(1, 3, 8, 8)
    corner[..., 4:] = 1
    resized = resize(corner, (16, 16))
    assert resized.min() == 0 and resized.max() == 1  # bicubic overshoots are cut off


def test_load_teacher_knows_what_a_model_takes(vit_teacher):
    teacher = load_teacher(TeacherSpec(name="t", source=str(vit_teacher)))
    assert isinstance(teacher, Teacher) and not teacher.is_video
    other = Teacher(TeacherSpec(name="t", source=str(vit_teacher)))
    assert teacher.encoder.fingerprint == other.encoder.fingerprint


def test_a_folder_without_weights_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "dinov2"}')
    with pytest.raises(FileNotFoundError, match="no model could be loaded"):
        Teacher(TeacherSpec(name="t", source=str(tmp_path)))


def test_a_checkpoint_that_lacks_keys_is_refused(vit_teacher, tmp_path):
    import shutil

    from safetensors.torch import load_file, save_file

    shutil.copytree(vit_teacher, tmp_path / "torn")
    state = load_file(tmp_path / "torn" / "model.safetensors")
    del state["encoder.layer.1.mlp.fc1.weight"]
    save_file(state, tmp_path / "torn" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match="lacks 1 .*encoder.layer.1.mlp.fc1.weight"):
        Teacher(TeacherSpec(name="t", source=str(tmp_path / "torn")))


def test_names_that_cannot_name_a_module_are_refused():
    with pytest.raises(ValueError, match="must consist of"):
        TeacherSpec(name="a.b", source="x")


@pytest.mark.real
def test_real_teachers_answer_on_one_grid(shared_teachers):
    images = torch.rand(1, 3, 64, 64)
    for name, channels in (("dinov2-small", 384), ("mobilenet-v2", 1280)):
        teacher = Teacher(TeacherSpec(name=name, source=str(shared_teachers / name)))
        features = teacher(images, grid=(2, 2))
        assert features.patches.shape == (1, 4, channels) and features.summary.shape == (1, channels)
        assert torch.isfinite(features.patches).all()
