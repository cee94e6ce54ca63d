# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The camera's geometry, checked point by point against a pinhole camera worked out by hand."""

import numpy as np
import pytest

from zen_hf.data.synthetic_surgery import INSTRUMENTS
from zen_hf.data.synthetic_surgery.instruments import SHAPES, project, signed_distance
from zen_hf.data.synthetic_surgery.noise import rotation
from zen_hf.data.synthetic_surgery.tissue import View


def test_view_maps_there_and_back():
    """A point of the anatomy, seen along a ray, lies where the ray meets the tilted plane."""
    view = View(80.0, (0.2, -0.25), rotation(0.3), -1.0, (4.0, -3.0), (20.0, 5.0))
    for point in ((0.0, 0.0), (25.0, -14.0), (-31.0, 8.0)):
        assert view.to_anatomy(*view.to_ray(*point)) == pytest.approx(point, abs=1e-9)


def test_projection_is_a_pinhole_camera():
    """Points along the shaft, projected by hand, lie on the drawn axis at the drawn depth and place."""
    entry, rise, focal, centre = (0.6, -0.8), (0.8, 0.6), 100.0, (50.0, 40.0)
    place = project((0.1, -0.05), 70.0, entry, rise, 0.0, focal, centre)
    end = np.array([7.0, -3.5, 70.0])
    shaft = np.array([entry[0] * rise[0], entry[1] * rise[0], -rise[1]])
    for millimetres in (0.0, 5.0, 20.0, 45.0):
        x, y, z = end + millimetres * shaft
        column, row = np.float32([[centre[0] + focal * x / z]]), np.float32([[centre[1] + focal * y / z]])
        along, across, inverse = place.to_mm(*place.plane_of(column, row))
        assert along.item() == pytest.approx(millimetres, abs=1e-2)
        assert across.item() == pytest.approx(0.0, abs=1e-3)
        assert 1 / inverse.item() == pytest.approx(z, abs=1e-2)


def test_shadow_is_where_the_ray_to_the_light_is_blocked():
    """A point of tissue looks, through the shadow map, at the point of the axis that lies on its ray to the light."""
    light, focal, centre, tissue_depth = (21.0, -6.0), 100.0, (50.0, 40.0), 90.0
    place = project((0.1, -0.05), 70.0, (0.6, -0.8), (0.8, 0.6), 0.0, focal, centre)
    end, shaft = np.array([7.0, -3.5, 70.0]), np.array([0.48, -0.64, -0.6])
    source = np.array([*light, 0.0])
    for millimetres in (0.0, 10.0, 30.0):
        blocker = end + millimetres * shaft
        ray = (blocker - source) / (blocker[2] - source[2])
        x, y, z = source + ray * tissue_depth  # where the shadow falls
        column, row = np.float32([[centre[0] + focal * x / z]]), np.float32([[centre[1] + focal * y / z]])
        plane = place.shadow_plane_of(column, row, np.float32([[1 / tissue_depth]]), light)
        along, across, inverse = place.to_mm(*plane)
        assert along.item() == pytest.approx(millimetres, abs=2e-2)
        assert across.item() == pytest.approx(0.0, abs=1e-2)
        assert 1 / inverse.item() == pytest.approx(blocker[2], abs=2e-2)


@pytest.mark.parametrize("depth", [45.0, 60.0, 120.0])
def test_a_shaft_is_as_wide_as_its_distance_says(depth):
    """An upright shaft of radius R, parallel to the image, covers 2 R focal / depth pixels of a row."""
    shape = SHAPES[INSTRUMENTS.index("grasper")]
    place = project((0.0, -0.3), depth, (0.0, 1.0), (1.0, 0.0), 0.0, 400.0, (200.0, 200.0))
    columns, rows = np.arange(400, dtype=np.float32)[None], np.float32([[390.0]])
    along, across, _ = place.to_mm(*place.plane_of(columns, rows))
    inside, is_tip, _ = signed_distance(shape, along, across, 0.5, 1.0)
    shaft = (inside > 0) & ~is_tip
    assert shaft.sum() == pytest.approx(2 * shape.shaft_radius * 400.0 / depth, abs=1.5)


def test_near_axis_leaves_nothing_out():
    """The pixels chosen for drawing hold every pixel inside the shape, for every instrument."""
    columns, rows = np.arange(160, dtype=np.float32)[None], np.arange(120, dtype=np.float32)[:, None]
    for shape in SHAPES:
        for entry, jaw, flip in (((0.6, 0.8), 1.0, 1.0), ((-1.0, 0.0), 0.1, -1.0)):
            place = project((0.05, -0.1), 50.0, entry, (0.8, 0.6), 0.0, 160.0, (79.5, 59.5))
            u, v = place.plane_of(columns, rows)
            along, across, _ = place.to_mm(u, v)
            inside, _, _ = signed_distance(shape, along, across, jaw, flip)
            assert set(np.flatnonzero(inside > 0)) <= set(place.near_axis(u, v, shape.reach))


def test_no_two_instruments_have_the_same_tip():
    """Silhouettes of the tips, nearly open, overlap by less than 0.8 (intersection over union)."""
    along, across = np.meshgrid(np.linspace(0, 26, 105), np.linspace(-12, 12, 97))
    tips = []
    for shape in SHAPES:
        inside, is_tip, _ = signed_distance(shape, along.astype(np.float32), across.astype(np.float32), 0.8, 1.0)
        tips.append((inside > 0) & is_tip)
    for left in range(len(tips)):
        for right in range(left):
            assert (tips[left] & tips[right]).sum() / (tips[left] | tips[right]).sum() < 0.8
