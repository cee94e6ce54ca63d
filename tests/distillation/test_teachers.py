"""Teachers answer on the student's grid, from inputs of the size that gives them this grid."""

import pytest
import torch

from zen_hf.distillation.teachers import Teacher, TeacherSpec, resize


def test_grid_matched_inputs_for_unlike_strides(vit_teacher, cnn_teacher):
    images = torch.rand(2, 3, 48, 64)
    for source, width, stride in ((vit_teacher, 24, 14), (cnn_teacher, None, 32)):
        teacher = Teacher(TeacherSpec(name="t", source=str(source)))
        features = teacher(images, grid=(3, 4))
        assert features.grid == (3, 4) and features.patches.shape[1] == 12
        assert width is None or features.patches.shape[2] == width
        direct = teacher.encoder(resize(images, (3 * stride, 4 * stride)))
        assert torch.equal(features.patches, direct.patches)


def test_own_size_is_averaged_over_the_grid(vit_teacher):
    teacher = Teacher(TeacherSpec(name="t", source=str(vit_teacher), image_size=56))
    images = torch.rand(1, 3, 56, 56)
    fine = teacher.encoder(images).patches.view(1, 4, 4, 24)
    expected = fine.view(1, 2, 2, 2, 2, 24).mean(dim=(2, 4)).flatten(1, 2)
    assert torch.allclose(teacher(images, grid=(2, 2)).patches, expected, atol=1e-6)
    with pytest.raises(ValueError, match="coarser than the student's 6x6"):
        teacher(images, grid=(6, 6))


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
