"""The position probe on tokens that hold their place, a part of it, or nothing of it."""

import pytest
import torch
from sklearn.linear_model import Ridge as ReferenceRidge
from sklearn.metrics import r2_score
from sklearn.preprocessing import StandardScaler

from zen_hf.distillation.monitors.position_probe import patch_places, position_probe
from zen_hf.distillation.monitors.tuned_ridge import fit_tuned_ridge

ROWS, COLUMNS = 3, 5
VIDEOS = [number for number in range(9) for _ in range(4)]
TEST_VIDEOS = [number for number in range(9, 12) for _ in range(4)]


def tokens(frames: int, seed: int, column: float, row: float) -> torch.Tensor:
    """Noise tokens [F, 15, 6] that hold, mixed into all channels, their column and their row so many times."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(2, 6, generator=torch.Generator().manual_seed(5))
    places = torch.tensor([[(c + 0.5) / COLUMNS, (r + 0.5) / ROWS] for r in range(ROWS) for c in range(COLUMNS)])
    return (
        torch.randn(frames, ROWS * COLUMNS, 6, generator=generator) + (places * torch.tensor([column, row])) @ mixing
    )


def probe(column: float, row: float):
    train, test = tokens(36, 0, column, row), tokens(12, 1, column, row)
    return position_probe(train, VIDEOS, test, TEST_VIDEOS, (ROWS, COLUMNS))


def test_places_are_centres_row_by_row():
    expected = [[0.25, 1 / 6], [0.75, 1 / 6], [0.25, 0.5], [0.75, 0.5], [0.25, 5 / 6], [0.75, 5 / 6]]
    assert torch.allclose(patch_places(3, 2), torch.tensor(expected))


def test_tokens_that_hold_their_place_tell_it_and_noise_does_not():
    both, noise = probe(100.0, 100.0), probe(0.0, 0.0)
    assert both.x > 0.99 and both.y > 0.99
    assert abs(noise.x) < 0.05 and abs(noise.y) < 0.05


def test_columns_and_rows_are_not_mixed_up():
    column, row = probe(100.0, 0.0), probe(0.0, 100.0)
    assert column.x > 0.99 and column.y < 0.1
    assert row.y > 0.99 and row.x < 0.1
    assert column.mean == (column.x + column.y) / 2


def test_equals_scikit_learn():
    train, test = tokens(36, 0, 2.0, 4.0), tokens(12, 1, 2.0, 4.0)
    reading = position_probe(train, VIDEOS, test, TEST_VIDEOS, (ROWS, COLUMNS))
    places = patch_places(ROWS, COLUMNS)
    penalty = fit_tuned_ridge(train, places.expand(36, -1, -1), VIDEOS).penalty

    rows = train.flatten(0, 1).double().numpy()
    scaler = StandardScaler().fit(rows)
    scaler.scale_ *= (len(rows) / (len(rows) - 1)) ** 0.5
    reference = ReferenceRidge(alpha=penalty * len(rows)).fit(scaler.transform(rows), places.repeat(36, 1).numpy())
    predicted = reference.predict(scaler.transform(test.flatten(0, 1).double().numpy()))
    expected = r2_score(places.repeat(12, 1).numpy(), predicted, multioutput="raw_values")
    assert 0.1 < reading.x < reading.y < 0.9
    assert [reading.x, reading.y] == pytest.approx(expected.tolist(), abs=1e-5)


def test_bad_inputs_are_named():
    patches = tokens(36, 0, 1.0, 1.0)
    with pytest.raises(ValueError, match=r"expected \[frames, 9, 6\] for a grid of 3 x 3. Leave out prefix tokens"):
        position_probe(patches, VIDEOS, patches[:12], TEST_VIDEOS, (3, 3))
    with pytest.raises(ValueError, match="grid is 1 x 15"):
        position_probe(patches, VIDEOS, patches[:12], TEST_VIDEOS, (1, 15))
    with pytest.raises(ValueError, match="videos are in training and test"):
        position_probe(patches, VIDEOS, patches[:12], VIDEOS[:12], (ROWS, COLUMNS))
