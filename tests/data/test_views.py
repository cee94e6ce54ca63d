"""Views are a function of seed, content and view number, and stay inside the frame."""

import numpy as np
import pytest
from PIL import Image

from zen_hf.data.views import ViewSpec, crop_box, make_view


@pytest.fixture
def image(tmp_path):
    rows, columns = np.mgrid[0:96, 0:160]
    pixels = np.stack([columns, rows, np.full_like(rows, 128)], axis=-1).astype(np.uint8)  # red tells x, green y
    Image.fromarray(pixels).save(tmp_path / "ramp.png")
    return {"bytes": None, "path": str(tmp_path / "ramp.png")}


def test_same_arguments_give_the_same_view_and_others_do_not(image):
    spec = ViewSpec(image_size=32, mask_border=False)
    view = make_view(image, spec, seed=0, view=3)
    assert view.shape == (32, 32, 3) and view.dtype == np.uint8
    assert np.array_equal(view, make_view(image, spec, seed=0, view=3))
    assert not np.array_equal(view, make_view(image, spec, seed=0, view=4))
    assert not np.array_equal(view, make_view(image, spec, seed=1, view=3))
    encoded = {"bytes": open(image["path"], "rb").read(), "path": None}
    assert np.array_equal(view, make_view(encoded, spec, seed=0, view=3))


def test_the_whole_frame_without_augmentation(image):
    spec = ViewSpec(image_size=32, scale=[1.0, 1.0], ratio=[160 / 96, 160 / 96], colour_jitter=0.0, mask_border=False)
    expected = Image.open(image["path"]).resize((32, 32), Image.Resampling.BICUBIC)
    assert np.abs(make_view(image, spec, seed=0, view=0).astype(int) - np.asarray(expected)).max() <= 1


def test_laterality_is_kept_unless_asked(image):
    def runs_left_to_right(spec, view):
        row = make_view(image, spec, seed=0, view=view)[16, :, 0].astype(int)
        return row[-1] > row[0]

    kept = ViewSpec(image_size=32, colour_jitter=0.0)
    assert all(runs_left_to_right(kept, view) for view in range(20))
    mirrored = ViewSpec(image_size=32, colour_jitter=0.0, horizontal_flip=0.5)
    assert 4 < sum(runs_left_to_right(mirrored, view) for view in range(20)) < 16


def test_crops_keep_the_asked_share_and_shape():
    spec = ViewSpec(scale=[0.3, 0.6], ratio=[0.8, 1.25])
    random = np.random.default_rng(0)
    for _ in range(200):
        left, top, right, bottom = crop_box((200, 180), spec, random)
        assert 0 <= left < right <= 200 and 0 <= top < bottom <= 180
        assert 0.3 <= (right - left) * (bottom - top) / (200 * 180) <= 0.6 + 1e-9
        assert 0.8 <= (right - left) / (bottom - top) <= 1.25 + 1e-9


def test_a_large_jpeg_is_decoded_small_without_a_visible_difference(tmp_path):
    rows, columns = np.mgrid[0:720, 0:1280] / 100
    pixels = (127 + 60 * np.stack([np.sin(columns), np.cos(rows), np.sin(rows + columns)], axis=-1)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "frame.jpg", quality=95)
    Image.open(tmp_path / "frame.jpg").save(tmp_path / "frame.png")
    spec = ViewSpec(image_size=64, scale=[1.0, 1.0], ratio=[16 / 9, 16 / 9], colour_jitter=0.0)
    views = [
        make_view({"bytes": None, "path": str(tmp_path / f"frame.{kind}")}, spec, 0, 0) for kind in ("jpg", "png")
    ]
    assert np.abs(views[0].astype(int) - views[1].astype(int)).mean() < 2


@pytest.mark.parametrize(
    "wrong", [{"scale": [0.0, 1.0]}, {"scale": [0.8, 0.4]}, {"ratio": [1.0]}, {"colour_jitter": 1.0}, {"fixed": -1}]
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="views"):
        ViewSpec(**wrong)


def test_the_border_is_cropped_mirrored_and_shrunk_with_the_frame(tmp_path):
    rows, columns = np.mgrid[0:200, 0:300]
    circle = (rows - 100) ** 2 + (columns - 110) ** 2 < 90**2  # left of the middle
    pixels = np.where(circle[..., None], [180, 80, 60], [3, 2, 4]).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "scope.png")
    frame = {"bytes": None, "path": str(tmp_path / "scope.png")}
    for flip in (0.0, 1.0):
        spec = ViewSpec(image_size=64, scale=[0.5, 0.8], colour_jitter=0.0, horizontal_flip=flip)
        for view in range(5):
            made = make_view(frame, spec, seed=0, view=view)
            assert made.shape == (64, 64, 4)
            bright = made[..., 0] > 90
            assert np.mean((made[..., 3] > 127) == bright) > 0.97


def test_all_frames_of_a_clip_have_the_crop_of_its_first(tmp_path):
    rows, columns = np.mgrid[0:96, 0:160]
    frames = []
    for number in range(3):
        pixels = np.stack([columns, rows, np.full_like(rows, 60 * number)], axis=-1).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        frames.append({"bytes": None, "path": str(tmp_path / f"{number}.png")})
    spec = ViewSpec(image_size=32, colour_jitter=0.0, mask_border=False, clip_frames=3)
    clip = [make_view(frame, spec, 0, 4, clip=frames[0]) for frame in frames]
    assert np.array_equal(clip[0][..., :2], clip[1][..., :2]) and np.array_equal(clip[0][..., :2], clip[2][..., :2])
    assert not np.array_equal(clip[0][..., :2], make_view(frames[1], spec, 0, 4)[..., :2])
    with pytest.raises(ValueError, match="views of clips cannot be fixed"):
        ViewSpec(clip_frames=2, fixed=1)
