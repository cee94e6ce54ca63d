"""The shift-equivariant loss: zero for a convolution at any offset, a loop, and offsets without an overlap."""

import pytest
import torch

from zen_hf.distillation.losses.mse import mse_loss
from zen_hf.distillation.losses.shift_equivariant import overlap

PATCH, HEIGHT, WIDTH = 4, 3, 5  # pixels; tokens
OFFSETS = [(dy, dx) for dy in range(1 - HEIGHT, HEIGHT) for dx in range(1 - WIDTH, WIDTH)]


def shift_equivariant_loss(prediction, target, offset):
    """Squared error of the overlap of two maps [B, h, w, C]."""
    grid = tuple(prediction.shape[1:3])
    seen = overlap(prediction.flatten(1, 2), grid, offset, of_teacher=False)
    return mse_loss(seen, overlap(target.flatten(1, 2), grid, offset, of_teacher=True))


def example():
    generator = torch.Generator().manual_seed(0)
    shape = (2, HEIGHT, WIDTH, 6)
    return torch.randn(shape, generator=generator), torch.randn(shape, generator=generator)


def crop(frames, top, left):
    """A view of HEIGHT x WIDTH tokens whose corner lies (top, left) tokens into the frame."""
    return frames[:, :, top * PATCH : (top + HEIGHT) * PATCH, left * PATCH : (left + WIDTH) * PATCH]


@pytest.mark.parametrize("offset", OFFSETS)
def test_zero_for_a_translation_equivariant_encoder(offset):
    # Stride = kernel = patch and no padding: exactly equivariant to shifts by whole tokens.
    generator = torch.Generator().manual_seed(0)
    frames = torch.randn(2, 3, 3 * HEIGHT * PATCH, 3 * WIDTH * PATCH, generator=generator)
    kernel = torch.randn(6, 3, PATCH, PATCH, generator=generator)

    def encode(pixels):
        return torch.nn.functional.conv2d(pixels, kernel, stride=PATCH).permute(0, 2, 3, 1)  # [B, h, w, C]

    student = encode(crop(frames, HEIGHT, WIDTH))
    teacher = encode(crop(frames, HEIGHT + offset[0], WIDTH + offset[1]))
    assert shift_equivariant_loss(student, teacher, offset).max() < 1e-9
    if offset != (0, 0):
        assert mse_loss(student, teacher).min() > 1  # the same maps, taken for aligned


@pytest.mark.parametrize("offset", [(0, 0), (1, -2), (-2, 4), (2, 0), (0, -4)])
def test_values_and_gradients_of_a_loop(offset):
    prediction, target = example()
    prediction.requires_grad_()
    loss = shift_equivariant_loss(prediction, target, offset)
    loss.sum().backward()
    expected, gradient = torch.zeros(2).double(), torch.zeros_like(prediction, dtype=torch.float64)
    size = (HEIGHT - abs(offset[0])) * (WIDTH - abs(offset[1])) * 6
    for y in range(HEIGHT):
        for x in range(WIDTH):
            there = y - offset[0], x - offset[1]
            if 0 <= there[0] < HEIGHT and 0 <= there[1] < WIDTH:
                error = prediction[:, y, x].detach().double() - target[:, there[0], there[1]].double()
                expected += error.square().sum(dim=-1) / size
                gradient[:, y, x] = 2 * error / size
    assert loss.dtype == torch.float32
    assert torch.allclose(loss.double(), expected, atol=1e-6)
    assert torch.allclose(prediction.grad.double(), gradient, atol=1e-6)


def test_without_an_offset_it_is_the_mean_squared_error():
    prediction, target = example()
    assert torch.equal(shift_equivariant_loss(prediction, target, (0, 0)), mse_loss(prediction, target))


def test_a_pattern_fixed_to_the_teachers_grid_cannot_be_learnt():
    # One student map for all offsets: the best it can do about a fixed pattern is a mean, not a copy.
    pattern = example()[1]
    copy = sum(float(shift_equivariant_loss(pattern, pattern, offset).mean()) for offset in OFFSETS)
    mean = pattern.mean(dim=(1, 2), keepdim=True).expand_as(pattern)
    ignore = sum(float(shift_equivariant_loss(mean, pattern, offset).mean()) for offset in OFFSETS)
    assert copy > 1.5 * ignore


@pytest.mark.parametrize("offset", [(3, 0), (-3, 0), (0, 5), (0, -5), (7, 7)])
def test_offsets_without_an_overlap_are_refused(offset):
    with pytest.raises(ValueError, match="no overlap on a grid of 3 x 5 tokens"):
        shift_equivariant_loss(*example(), offset)


def test_tokens_that_do_not_fill_the_grid_are_refused():
    with pytest.raises(ValueError, match="14 tokens do not fill a grid of 3 x 5"):
        overlap(torch.ones(2, 14, 6), (3, 5), (0, 1), of_teacher=False)


def test_weights_are_cut_like_tokens():
    weights = torch.arange(15.0).reshape(1, 15)
    assert overlap(weights, (3, 5), (1, -2), of_teacher=False).tolist() == [[5, 6, 7, 10, 11, 12]]
    assert overlap(weights, (3, 5), (1, -2), of_teacher=True).tolist() == [[2, 3, 4, 7, 8, 9]]
