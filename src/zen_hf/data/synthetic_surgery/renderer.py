# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""From a patient, a script and a time to a frame: one z-buffered draw from which image and labels both come."""

from dataclasses import dataclass

import numpy as np

from .hospitals import Hospital
from .instruments import SHAPES, Projection, project, signed_distance
from .labels import CONTACT_MM, SceneFrame, ask, tight_boxes, view_criteria, visible_pixels
from .noise import TILE, path, rotation, stream, tile
from .script import Action, Script
from .tissue import BED_OFFSET, BLOODY, CLIPPED, OPENED, Canvas, View
from .vocabulary import SEMANTIC_CLASSES, TARGETS, semantic_id

FOCAL = 1.0  # focal length as a share of the frame's longer side: a field of view of 53 degrees
AXIS_ABOVE = 1.5  # mm between an instrument's axis and the tissue it rests on
FIXED = 65536  # fixed point of the camera's map from frame to canvas


@dataclass
class Tissue:
    """What the camera sees of the patient, before instruments; maps are [H, W]."""

    colour: np.ndarray  # [3, H, W]
    depth: np.ndarray
    slopes: np.ndarray  # [2, H, W]
    gloss: np.ndarray
    classes: np.ndarray


@dataclass
class Drawn:
    """One instrument in one frame, inside its window of rows and columns."""

    action: Action
    place: Projection
    window: tuple[slice, slice]
    cover: np.ndarray  # share of the pixel that the instrument covers, 0 to 1
    depth: np.ndarray  # of its surface, mm
    is_tip: np.ndarray
    offset: np.ndarray  # distance from the middle line as a share of the width
    along: np.ndarray  # mm from the end
    jaw: float
    tip_distance: float


class Renderer:
    """Draws the frames of one video.

    Args:
        canvas: the patient.
        view: where the camera stands.
        script: what happens.
        look: the hospital.
        procedure: id in `PROCEDURES`.
        size: (height, width) of the frames, px.
        key: (seed, video index), for smoke and sensor noise.
    """

    def __init__(self, canvas: Canvas, view: View, script: Script, look: Hospital, procedure: int, size: tuple[int, int], key: tuple[int, int]):
        """Prepare what all frames share: the border, the vignette and the noises."""
        self.canvas, self.view, self.script, self.look, self.procedure = canvas, view, script, look, procedure
        self.height, self.width = size
        self.longer = max(size)
        self.focal = FOCAL * self.longer
        self.centre = (0.5 * (self.width - 1), 0.5 * (self.height - 1))
        self.columns = np.arange(self.width, dtype=np.float32)[None]
        self.rows = np.arange(self.height, dtype=np.float32)[:, None]
        self.inside, self.vignette = self._field()
        rng = stream(*key, 4)
        self.offsets = rng.integers(0, TILE, 8)
        self.exposure = look.gain * (0.75 + 0.5 * float(rng.random()))
        self.gains = tuple(gain * (0.93 + 0.14 * float(rng.random())) for gain in look.white_balance)
        # Coordinates against the optical axis in field widths, for the highlights.
        self.u = (self.columns - np.float32(self.centre[0])) * np.float32(1.0 / self.longer)
        self.v = (self.rows - np.float32(self.centre[1])) * np.float32(1.0 / self.longer)
        self.smoke_tile = tile(4, 4, 6)
        self.noise_tile = (tile(512, 1, 7) - np.float32(0.5)) * np.float32(look.noise / 255.0)

    def _field(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the visible field [H, W] bool and the vignette [H, W] in [0, 1], 0 outside the field."""
        half = 0.5 * self.longer
        x = np.abs(self.columns - np.float32(self.centre[0])) * np.float32(1.0 / half)
        y = np.abs(self.rows - np.float32(self.centre[1])) * np.float32(1.0 / half)
        square = x * x + y * y
        radius = self.look.radius
        if self.look.border == "circle":
            edge = np.float32(radius * radius) - square
        elif self.look.border == "octagon":
            edge = np.minimum(np.float32(1.38 * radius) - (x + y), np.float32(radius) - np.maximum(x, y))
        else:
            edge = np.float32(radius) - np.maximum(x, y)
        inside = edge > 0
        soft = np.minimum(np.maximum(edge * np.float32(0.12 * self.longer), 0), 1)
        vignette = (1.0 - np.float32(self.look.vignette) * np.minimum(square * np.float32(0.6), 1)) * soft
        return inside, vignette.astype(np.float32)

    def draw(self, time: float, number: int, with_image: bool = True) -> SceneFrame:
        """Draw the frame at `time` in [0, 1); `number` chooses its sensor noise. Without `with_image` the image is black."""
        zoom = path(self.script.zoom, time)
        tissue = self._see_tissue(time, zoom)
        drawn = self._place_instruments(time, zoom, tissue)
        owner, buffer = self._resolve(drawn, tissue)
        level = self.script.smoke(time)
        image = self._shade(tissue, drawn, owner, time, number, level) if with_image else np.zeros((*owner.shape, 3), np.uint8)
        return self._label(time, tissue, drawn, owner, buffer, image, level)

    # ------------------------------------------------------------------------------------------------------------ tissue

    def _see_tissue(self, time: float, zoom: float) -> Tissue:
        """Read the canvas through the camera's shift, distance and roll; all coordinates are fixed-point integers."""
        canvas, script = self.canvas, self.script
        cos, sin = rotation(path(script.roll, time))
        step = canvas.scale / self.longer * zoom
        a, b = int(cos * step * FIXED), int(sin * step * FIXED)
        middle = canvas.side * 0.5
        start_x = int((middle + path(script.pan[:, 0], time) * canvas.scale) * FIXED)
        start_y = int((middle + path(script.pan[:, 1], time) * canvas.scale) * FIXED)
        x = 2 * np.arange(self.width, dtype=np.int32) - (self.width - 1)  # half pixels from the centre
        y = (2 * np.arange(self.height, dtype=np.int32) - (self.height - 1))[:, None]
        column = (x * (a // 2) - y * (b // 2) + start_x) >> 16
        row = (x * (b // 2) + y * (a // 2) + start_y) >> 16
        np.clip(column, 0, canvas.side - 1, out=column)
        np.clip(row, 0, canvas.side - 1, out=row)
        row *= canvas.side
        row += column
        point = row
        points = canvas.side * canvas.side

        layer = np.take(self._opened_by(time), np.take(canvas.cover, point))
        blood = int(script.blood_level(time) * 250)
        layer[np.take(canvas.bleed, point) < blood] = BLOODY
        clip = np.take(canvas.clips, point)
        layer[(clip > 0) & (clip <= script.clips(time))] = CLIPPED
        where = layer.astype(np.int32) * points + point
        planes = np.take(canvas.planes, where, axis=1)
        planes[3] += np.float32(self.view.distance * (zoom - 1.0))
        return Tissue(planes[:3], planes[3], planes[4:], np.take(canvas.gloss, where), np.take(canvas.classes, where))

    def _opened_by(self, time: float) -> np.ndarray:
        """Return [256] uint8, the layer that shows for each cover threshold at a time."""
        layer = np.zeros(256, np.uint8)
        for phase, first in (("dissection", 1), ("detachment", BED_OFFSET + 1)):
            layer[first : first + int(99 * self.script.opened(time, phase))] = OPENED
            if first == 1:
                layer[BED_OFFSET:] = 0
        return layer

    # ------------------------------------------------------------------------------------------------------- instruments

    def _place_instruments(self, time: float, zoom: float, tissue: Tissue) -> list[Drawn]:
        """Project every instrument that is in the scene and draw its silhouette in its own window."""
        drawn = []
        for action in self.script.actions:
            if action.start <= time < action.end:
                drawn_one = self._silhouette(action, time, zoom, tissue)
                if drawn_one is not None:
                    drawn.append(drawn_one)
        return drawn

    def _silhouette(self, action: Action, time: float, zoom: float, tissue: Tissue) -> Drawn | None:
        """Draw one instrument, or return None when it is out of the frame."""
        back, height, jaw, dx, dy = action.pose(time)
        u, v = self.view.to_ray(action.target[0] + dx, action.target[1] + dy)
        # The target moves with the tissue: invert the camera's map of `_see_tissue`.
        cos, sin = rotation(path(self.script.roll, time))
        u, v = u - path(self.script.pan[:, 0], time), v - path(self.script.pan[:, 1], time)
        u, v = (u * cos + v * sin) / zoom, (v * cos - u * sin) / zoom
        ground = self._tissue_depth(tissue, u, v)
        depth = ground - height - AXIS_ABOVE
        place = project((u, v), depth, action.entry, action.rise, back, self.focal, self.centre)
        shape = SHAPES[action.instrument]
        window = self._window(place, shape.shaft_radius + 5.0)
        if window is None:
            return None
        rows, columns = window
        along, across, inverse = place.to_mm(*place.plane_of(self.columns[:, columns], self.rows[rows]))
        inside, is_tip, offset = signed_distance(shape, along, across, jaw, action.flip)
        # From millimetres to pixels, half a pixel of soft edge on each side.
        cover = inside * inverse
        cover *= np.float32(self.focal)
        cover += np.float32(0.5)
        np.clip(cover, 0, 1, out=cover)
        # The surface bulges from the axis towards the camera.
        bulge = np.sqrt(np.maximum(np.float32(1.0) - offset * offset, 0))
        bulge *= np.where(is_tip, np.float32(shape.width), np.float32(shape.shaft_radius))
        surface = np.float32(1.0) / inverse - bulge
        end = self._tissue_depth(tissue, (place.x - self.centre[0]) / self.longer, (place.y - self.centre[1]) / self.longer)
        return Drawn(action, place, window, cover, surface, is_tip, offset, along, jaw, end - 1.0 / place.inverse_depth - AXIS_ABOVE)

    def _tissue_depth(self, tissue: Tissue, u: float, v: float) -> float:
        """Return the tissue's depth at a ray; rays outside the frame read its rim."""
        column = min(max(int(self.centre[0] + u * self.longer + 0.5), 0), self.width - 1)
        row = min(max(int(self.centre[1] + v * self.longer + 0.5), 0), self.height - 1)
        return float(tissue.depth[row, column])

    def _window(self, place: Projection, half_width_mm: float) -> tuple[slice, slice] | None:
        """Return rows and columns that can hold the instrument: from its end along the axis to the frame's rim."""
        reach = 2.0 * (self.width + self.height)
        ex, ey = place.along
        far_x, far_y = place.x + ex * reach, place.y + ey * reach
        growth = 1.0 + place.climb * place.stretch * self.longer * 1.2
        pad = half_width_mm * self.focal * place.inverse_depth * growth + 2.0
        near = 2.0 * self.focal * place.inverse_depth
        left, right = min(place.x - near, far_x) - pad, max(place.x + near, far_x) + pad
        top, bottom = min(place.y - near, far_y) - pad, max(place.y + near, far_y) + pad
        # Clip the axis to the frame so that a slanted shaft does not claim the whole rectangle behind it.
        exits = []
        if ex > 0:
            exits.append((self.width + pad - place.x) / ex)
        if ex < 0:
            exits.append((-pad - place.x) / ex)
        if ey > 0:
            exits.append((self.height + pad - place.y) / ey)
        if ey < 0:
            exits.append((-pad - place.y) / ey)
        leave = min(exits)
        if leave <= 0:
            return None
        far_x, far_y = place.x + ex * leave, place.y + ey * leave
        left, right = max(left, min(place.x, far_x) - pad), min(right, max(place.x, far_x) + pad)
        top, bottom = max(top, min(place.y, far_y) - pad), min(bottom, max(place.y, far_y) + pad)
        columns = slice(max(int(left), 0), min(int(right) + 1, self.width))
        rows = slice(max(int(top), 0), min(int(bottom) + 1, self.height))
        return (rows, columns) if columns.start < columns.stop and rows.start < rows.stop else None

    def _resolve(self, drawn: list[Drawn], tissue: Tissue) -> tuple[np.ndarray, np.ndarray]:
        """Settle who owns each pixel by depth; instruments with too few visible pixels are taken out of `drawn`.

        Returns:
            The owner [H, W] uint8 (0 tissue, k the k-th of `drawn`) and the depth buffer [H, W].
        """
        enough = visible_pixels(self.height, self.width)
        while True:
            owner = np.zeros((self.height, self.width), np.uint8)
            buffer = tissue.depth.copy()
            for number, one in enumerate(drawn, 1):
                part, behind = owner[one.window], buffer[one.window]
                wins = (one.cover >= 0.5) & (one.depth < behind) & self.inside[one.window]
                part[wins] = number
                behind[wins] = one.depth[wins]
            counts = np.bincount(owner.ravel(), minlength=len(drawn) + 1)
            hidden = [number for number in range(len(drawn)) if counts[number + 1] < enough]
            if not hidden:
                return owner, buffer
            drawn[:] = [one for number, one in enumerate(drawn) if number not in hidden]

    # ------------------------------------------------------------------------------------------------------------- image

    def _shade(self, tissue: Tissue, drawn: list[Drawn], owner: np.ndarray, time: float, number: int, smoke: float) -> np.ndarray:
        """Light the scene from beside the lens and return the image [H, W, 3] uint8."""
        reference = np.float32(self.view.distance)
        light = reference / tissue.depth
        light *= light
        colour = tissue.colour
        # Highlights where the surface faces the lens.
        tilt_x, tilt_y = tissue.slopes[0] - self.u * np.float32(1.1), tissue.slopes[1] - self.v * np.float32(1.1)
        away = tilt_x * tilt_x
        away += tilt_y * tilt_y
        shine = np.maximum(np.float32(1.0) - away * np.float32(16.0), 0)
        shine *= shine
        shine *= tissue.gloss
        shine *= np.float32(0.42)
        colour += shine
        for one in drawn:
            self._cast_shadow(one, tissue, light)
        colour *= light
        for index, one in enumerate(drawn, 1):
            self._paint(one, index, owner, colour, float(reference))
        colour *= np.float32(self.exposure)
        if smoke > 0:
            self._blow_smoke(colour, time, smoke)
        return self._develop(colour, number)

    def _cast_shadow(self, one: Drawn, tissue: Tissue, light: np.ndarray) -> None:
        """Darken the tissue where the instrument stands between it and the light."""
        place, shape = one.place, SHAPES[one.action.instrument]
        # The shadow is where the instrument is, moved by at most the parallax of the shaft's nearest visible point.
        parallax = self.focal * 1.5 * place.inverse_depth
        move = int(np.sqrt(self.look.light_mm * self.look.light_mm) * max(parallax * 0.45, 0.0)) + 2
        rows, columns = one.window
        rows = slice(max(rows.start - move, 0), min(rows.stop + move, self.height))
        columns = slice(max(columns.start - move, 0), min(columns.stop + move, self.width))
        inverse_tissue = np.float32(1.0) / tissue.depth[rows, columns]
        u, v = place.shadow_plane_of(self.columns[:, columns], self.rows[rows], inverse_tissue, self.view.light)
        along, across, inverse = place.to_mm(u, v)
        inside, _, _ = signed_distance(shape, along, across, one.jaw, one.action.flip)
        # Only what is nearer than the tissue casts a shadow, and its edge softens with the distance.
        dark = inside * np.float32(0.55)
        dark += np.float32(0.3)
        np.clip(dark, 0, 1, out=dark)
        dark *= inverse > inverse_tissue
        dark *= np.float32(-0.62)
        dark += np.float32(1.0)
        light[rows, columns] *= dark

    def _paint(self, one: Drawn, index: int, owner: np.ndarray, colour: np.ndarray, reference: float) -> None:
        """Paint one instrument over the image where it owns the pixels, with a soft edge."""
        shape = SHAPES[one.action.instrument]
        rows, columns = one.window
        mine = owner[rows, columns]
        alpha = one.cover * ((mine == index) | ((mine == 0) & (one.cover < 0.5)))
        # A lamp beside the lens: bright along the middle, dark at the sides, brighter when near.
        middle = np.float32(1.0) - one.offset
        np.clip(middle, 0, 1, out=middle)
        brightness = middle * np.float32(0.75)
        brightness += np.float32(0.25)
        near = np.float32(reference) / np.maximum(one.depth, np.float32(15.0))
        brightness *= near
        brightness *= near
        # Highlight: a narrow line near the middle.
        line = np.maximum(middle - np.float32(0.62), 0) * np.float32(1.1)
        if shape.slot:
            window = one.is_tip & (one.offset * np.float32(shape.width) < np.float32(shape.slot)) & (one.along > 2.5) & (one.along < shape.length - 5.0)
            brightness = np.where(window, brightness * np.float32(0.25), brightness)
            line = np.where(window, np.float32(0), line)
        if shape.holes:
            pitch = one.along * np.float32(1.0 / 4.5)
            pitch -= np.floor(pitch)
            hole = one.is_tip & (np.abs(pitch - np.float32(0.5)) < 0.2) & (one.offset < 0.4) & (one.along < 17.0)
            brightness = np.where(hole, brightness * np.float32(0.2), brightness)
        band = ~one.is_tip & (one.along < np.float32(shape.length + shape.band_length))
        for channel in range(3):
            base = np.where(one.is_tip, np.float32(shape.metal[channel]), np.float32(self.look.shaft[channel]))
            base = np.where(band, np.float32(shape.band[channel]), base)
            base += line
            base *= brightness
            target = colour[channel][rows, columns]
            base -= target
            base *= alpha
            target += base

    def _blow_smoke(self, colour: np.ndarray, time: float, level: float) -> None:
        """Veil the image with drifting smoke."""
        top = int(self.offsets[0] + time * 900.0) % TILE
        left = int(self.offsets[1] + time * 400.0) % TILE
        step = TILE / (3.0 * self.longer)
        rows = ((np.arange(self.height) * step).astype(np.int64) + top) % TILE
        columns = ((np.arange(self.width) * step).astype(np.int64) + left) % TILE
        veil = self.smoke_tile[rows[:, None], columns]
        veil = veil * np.float32(0.75 * level)
        veil += np.float32(0.08 * level)
        colour *= np.float32(1.0) - veil
        colour += veil * np.float32(0.78)

    def _develop(self, colour: np.ndarray, number: int) -> np.ndarray:
        """Apply vignette, white balance, tone curve and sensor noise; return [H, W, 3] uint8."""
        colour *= self.vignette
        grey = (colour[0] + colour[1] + colour[2]) * np.float32((1.0 - self.look.saturation) / 3.0)
        image = np.empty((self.height, self.width, 3), np.uint8)
        shift = (number * 181 + int(self.offsets[2])) % TILE, (number * 97 + int(self.offsets[3])) % TILE
        rows, columns = (np.arange(self.height) + shift[0]) % TILE, (np.arange(self.width) + shift[1]) % TILE
        noise = self.noise_tile[rows[:, None], columns] * self.inside
        for channel in range(3):
            plane = colour[channel] * np.float32(self.look.saturation)
            plane += grey
            plane *= np.float32(self.gains[channel])
            # Tone curve x (1.6 - 0.6 x): lifts the dark and rolls off the bright.
            np.clip(plane, 0, 1, out=plane)
            plane *= np.float32(1.6) - plane * np.float32(0.6)
            plane += noise
            plane *= np.float32(255.0)
            plane += np.float32(0.5)
            np.clip(plane, 0, 255, out=plane)
            image[..., channel] = plane
        return image

    # ------------------------------------------------------------------------------------------------------------ labels

    def _label(self, time, tissue: Tissue, drawn: list[Drawn], owner, buffer, image, smoke: float) -> SceneFrame:
        """Read every label off the z-buffered draw."""
        semantic = tissue.classes.copy()
        for index, one in enumerate(drawn, 1):
            part = semantic[one.window]
            mine = owner[one.window] == index
            part[mine] = np.where(one.is_tip[mine], semantic_id("tip"), semantic_id("shaft")).astype(np.uint8)
        semantic[~self.inside] = semantic_id("border")
        depth = np.where(self.inside, buffer, np.float32(0))
        tips = np.array([(one.place.x, one.place.y) for one in drawn], np.float32).reshape(-1, 2)
        distances, triplets = [], []
        for one in drawn:
            column, row = int(one.place.x + 0.5), int(one.place.y + 0.5)
            seen = 0 <= row < self.height and 0 <= column < self.width and bool(self.inside[row, column])
            distances.append(one.tip_distance if seen else float("nan"))
            touches = seen and one.tip_distance <= CONTACT_MM
            target = TARGETS.index(SEMANTIC_CLASSES[tissue.classes[row, column]]) if touches else 0
            triplets.append((one.action.instrument, one.action.verb if touches else 0, target))
        box_labels = [one.action.instrument for one in drawn]
        cvs = view_criteria(semantic)
        phase = self.script.phase(time)
        blood = int((semantic == semantic_id("blood")).sum()) >= visible_pixels(self.height, self.width)
        triplets.sort()
        return SceneFrame(
            image=image,
            procedure=self.procedure,
            phase=phase,
            instruments=sorted(set(box_labels)),
            boxes=tight_boxes(owner, len(drawn)),
            box_labels=np.array(box_labels, np.int64),
            instance_mask=owner,
            semantic_mask=semantic,
            depth_mm=depth,
            tips=tips,
            tip_distance_mm=np.array(distances, np.float32),
            triplets=triplets,
            cvs=cvs,
            smoke=smoke > 0,
            blood=blood,
            questions=ask(self.procedure, phase, box_labels, triplets, cvs, smoke > 0, blood),
        )
