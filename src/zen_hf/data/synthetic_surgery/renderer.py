# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""From a patient, a script and a time to a frame: one z-buffered draw from which image and labels both come."""

from dataclasses import dataclass

import numpy as np

from .hospitals import Hospital
from .instruments import SHAPES, Projection, project, signed_distance
from .labels import CONTACT_MM, SceneFrame, ask, tight_boxes, view_criteria, visible_pixels
from .noise import TILE, path, rotation, sample, stream, tile
from .script import Action, Script
from .tissue import BED_OFFSET, BLOODY, CLIPPED, COLOUR_STEPS, GLOSS_STEPS, OPENED, SLOPE_STEPS, Canvas, View
from .vocabulary import SEMANTIC_CLASSES, TARGETS, semantic_id

FOCAL = 1.0  # focal length as a share of the frame's longer side: a field of view of 53 degrees
AXIS_ABOVE = 1.5  # mm between an instrument's axis and the tissue it rests on
WORKING = 0.36  # half-axes of the ellipse that instruments work in, as a share of the frame
HIGHEST = 0.36  # no instrument works nearer to the lens than this share of the way up from the tissue
FIXED = 65536  # fixed point of the camera's map from frame to canvas


@dataclass(frozen=True)
class Camera:
    """The camera in one frame: shift in field widths, distance as a share of the mean, (cos, sin) of its roll."""

    pan: tuple[float, float]
    zoom: float
    roll: tuple[float, float]


@dataclass
class Drawn:
    """One instrument in one frame; the arrays hold one value for each of its pixels, soft edges included.

    Args:
        action: what it is and does.
        place: how it is projected.
        jaw: how far it is open, 0 to 1.
        pixels: flat indices into the frame.
        cover: share of the pixel it covers, 0 to 1; it owns a pixel from one half on.
        depth: of its surface, mm.
        is_tip: whether this is the tip, not the shaft.
        offset: distance from the middle line as a share of half the width.
        along: mm from the end.
        tip_distance: from its end to the tissue behind, mm.
    """

    action: Action
    place: Projection
    jaw: float
    pixels: np.ndarray
    cover: np.ndarray
    depth: np.ndarray
    is_tip: np.ndarray
    offset: np.ndarray
    along: np.ndarray
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
        key: (seed, video index), for exposure, smoke and sensor noise.
    """

    def __init__(
        self,
        canvas: Canvas,
        view: View,
        script: Script,
        look: Hospital,
        procedure: int,
        size: tuple[int, int],
        key: tuple[int, int],
    ):
        """Prepare what all frames share: the field of view, the exposure, the smoke and the sensor's noise."""
        self.canvas, self.view, self.script, self.look, self.procedure = canvas, view, script, look, procedure
        self.height, self.width = size
        self.longer = max(size)
        self.focal = FOCAL * self.longer
        self.centre = (0.5 * (self.width - 1), 0.5 * (self.height - 1))
        self.columns = np.arange(self.width, dtype=np.float32)[None]
        self.rows = np.arange(self.height, dtype=np.float32)[:, None]
        self.u = (self.columns - np.float32(self.centre[0])) * np.float32(1.0 / self.longer)
        self.v = (self.rows - np.float32(self.centre[1])) * np.float32(1.0 / self.longer)
        self.inside, vignette = self._field()

        rng = stream(*key, 4)
        exposure = look.gain * (0.65 + 0.7 * float(rng.random()))
        gains = [gain * exposure * (0.93 + 0.14 * float(rng.random())) for gain in look.white_balance]
        self.exposure = np.stack([vignette * np.float32(gain) for gain in gains])  # [3, H, W]
        # The camera exposes for the median of the tissue, so that brightness does not tell the distance.
        self.reference = float(np.median(canvas.points["depth"][: canvas.side * canvas.side]))
        # Smoke and noise are larger than the frame, and every frame looks at another part of them.
        self.drift = rng.random((2, 12)).tolist()
        corner = rng.integers(0, TILE, 2)
        step = np.float32(TILE / 3.0 / self.longer)
        self.smoke = sample(
            tile(4, 4, 6),
            np.arange(self.width + self.longer, dtype=np.float32)[None] * step + np.float32(corner[0]),
            np.arange(self.height + self.longer, dtype=np.float32)[:, None] * step + np.float32(corner[1]),
        )
        rows, columns = np.arange(2 * self.height) % TILE, np.arange(2 * self.width) % TILE
        self.noise = (tile(512, 1, 7)[rows[:, None], columns] - np.float32(0.5)) * np.float32(look.noise)

    def _field(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the visible field [H, W] bool and the vignette [H, W] in [0, 1], 0 outside the field."""
        x, y = np.abs(self.u) * np.float32(2.0), np.abs(self.v) * np.float32(2.0)
        square = x * x + y * y
        radius = np.float32(self.look.radius)
        if self.look.border == "circle":
            edge = radius * radius - square
        elif self.look.border == "octagon":
            edge = np.minimum(np.float32(1.38) * radius - (x + y), radius - np.maximum(x, y))
        else:
            edge = radius - np.maximum(x, y)
        soft = np.minimum(np.maximum(edge * np.float32(0.12 * self.longer), 0), 1)
        vignette = soft - soft * np.minimum(square * np.float32(0.6), 1) * np.float32(self.look.vignette)
        return edge > 0, vignette

    def draw(self, time: float, number: int) -> SceneFrame:
        """Draw the frame at `time` in [0, 1); `number` chooses its sensor noise."""
        script = self.script
        pan = path(script.pan_x, time), path(script.pan_y, time)
        camera = Camera(pan, path(script.zoom, time), rotation(path(script.roll, time)))
        tissue = self._see_tissue(time, camera)
        here = [action for action in script.actions if action.start <= time < action.end]
        drawn = [self._silhouette(action, time, camera, tissue["depth"]) for action in here]
        owner, depth = self._resolve(drawn, tissue["depth"])
        smoke = script.smoke(time)
        image = self._shade(tissue, drawn, owner, time, number, smoke)
        return self._label(time, tissue["kind"], drawn, owner, depth, image, smoke)

    def _see_tissue(self, time: float, camera: Camera) -> np.ndarray:
        """Read the canvas through the camera; return [H, W] of `POINT`."""
        canvas, (cos, sin) = self.canvas, camera.roll
        # The map from frame to canvas is in fixed-point integers, in half pixels from the centre.
        a, b = int(cos * camera.zoom * (FIXED // 2)), int(sin * camera.zoom * (FIXED // 2))
        start_x, start_y = (int((0.5 * canvas.side + shift * self.longer) * FIXED) for shift in camera.pan)
        x = 2 * np.arange(self.width, dtype=np.int32)[None] - (self.width - 1)
        y = 2 * np.arange(self.height, dtype=np.int32)[:, None] - (self.height - 1)
        column, row = (x * a + start_x) - y * b, (x * b + start_y) + y * a
        column >>= 16
        row >>= 16
        row *= canvas.side
        row += column
        place = row.astype(np.intp)

        state = canvas.states.take(place)
        script = self.script
        dissected = min(int(100 * script.opened(time, "dissection")), 99)
        detached = min(int(100 * script.opened(time, "detachment")), 99)
        # Unsigned bytes wrap around: 0, which stands for no cover and for no clip, becomes 255 and is never reached.
        opened = (state["cover"] - np.uint8(1)) < dissected
        opened |= (state["cover"] - np.uint8(BED_OFFSET + 1)) < detached
        layer = opened.view(np.uint8) * np.uint8(OPENED)
        np.copyto(layer, BLOODY, where=state["bleed"] < int(script.blood_level(time) * 250))
        np.copyto(layer, CLIPPED, where=(state["clip"] - np.uint8(1)) < script.clips(time))
        place += layer * np.intp(canvas.side * canvas.side)
        tissue = canvas.points.take(place)
        tissue["depth"] += np.float32(self.view.distance * (camera.zoom - 1.0))
        return tissue

    def _silhouette(self, action: Action, time: float, camera: Camera, tissue_depth: np.ndarray) -> Drawn:
        """Project one instrument and find its pixels."""
        back, height, jaw, dx, dy = action.pose(time)
        u, v = self.view.to_ray(action.target[0] + dx, action.target[1] + dy)
        # The target moves with the tissue: this inverts the map of `_see_tissue`.
        (cos, sin), zoom = camera.roll, camera.zoom
        u, v = u - camera.pan[0], v - camera.pan[1]
        u, v = self._kept_in_view((u * cos + v * sin) / zoom, (v * cos - u * sin) / zoom)
        column, row = self._nearest_pixel(self.centre[0] + u * self.longer, self.centre[1] + v * self.longer)
        ground = float(tissue_depth[row, column])
        end_depth = ground - min(height, HIGHEST * ground) - AXIS_ABOVE
        place = project((u, v), end_depth, action.entry, action.rise, back, self.focal, self.centre)

        shape = SHAPES[action.instrument]
        u, v = place.plane_of(self.columns, self.rows)
        pixels = place.near_axis(u, v, shape.reach)
        along, across, inverse = place.to_mm(u.take(pixels), v.take(pixels))
        inside, is_tip, offset = signed_distance(shape, along, across, jaw, action.flip)
        # From millimetres to pixels, half a pixel of soft edge on each side; then only with the pixels it touches.
        cover = np.minimum(inside * inverse * np.float32(self.focal) + np.float32(0.5), 1)
        kept = np.flatnonzero(cover > 0)
        pixels, cover, offset, is_tip, inverse, along = (
            values.take(kept) for values in (pixels, cover, offset, is_tip, inverse, along)
        )
        # The surface bulges from the axis towards the camera.
        bulge = np.sqrt(np.maximum(np.float32(1.0) - offset * offset, 0))
        bulge *= np.where(is_tip, np.float32(shape.width), np.float32(shape.shaft_radius))
        depth = np.float32(1.0) / inverse - bulge
        column, row = self._nearest_pixel(place.x, place.y)
        tip_distance = float(tissue_depth[row, column]) - 1.0 / place.inverse_depth - AXIS_ABOVE
        return Drawn(action, place, jaw, pixels, cover, depth, is_tip, offset, along, tip_distance)

    def _kept_in_view(self, u: float, v: float) -> tuple[float, float]:
        """Pull a target that lies outside the middle of the frame back to its edge: surgeons work where they see."""
        across, down = u * self.longer / (WORKING * self.width), v * self.longer / (WORKING * self.height)
        far = float(np.sqrt(across * across + down * down))
        return (u, v) if far <= 1.0 else (u / far, v / far)

    def _nearest_pixel(self, x: float, y: float) -> tuple[int, int]:
        """Return column and row of the frame's pixel nearest to a point."""
        return min(max(int(x + 0.5), 0), self.width - 1), min(max(int(y + 0.5), 0), self.height - 1)

    def _resolve(self, drawn: list[Drawn], tissue_depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Settle by depth who owns each pixel; instruments with too few visible pixels are taken out of `drawn`.

        Returns:
            The owner [H, W] uint8 (0 tissue, k the k-th of `drawn`) and the depth buffer [H, W].
        """
        enough = visible_pixels(self.height, self.width)
        inside = self.inside.ravel()
        while True:
            owner = np.zeros(self.height * self.width, np.uint8)
            depth = tissue_depth.flatten()
            for number, one in enumerate(drawn, 1):
                wins = (one.cover >= 0.5) & (one.depth < depth[one.pixels]) & inside[one.pixels]
                owner[one.pixels[wins]] = number
                depth[one.pixels[wins]] = one.depth[wins]
            counts = np.bincount(owner, minlength=len(drawn) + 1)[1:]
            if (counts >= enough).all():
                return owner.reshape(self.height, self.width), depth.reshape(self.height, self.width)
            drawn[:] = [one for one, count in zip(drawn, counts, strict=True) if count >= enough]

    def _shade(
        self, tissue: np.ndarray, drawn: list[Drawn], owner, time: float, number: int, smoke: float
    ) -> np.ndarray:
        """Light the scene from beside the lens and return the image [H, W, 3] uint8."""
        # Highlights where the surface faces the lens.
        tilt_x = tissue["slope_x"] * np.float32(1.0 / SLOPE_STEPS) - self.u * np.float32(1.1)
        tilt_y = tissue["slope_y"] * np.float32(1.0 / SLOPE_STEPS) - self.v * np.float32(1.1)
        shine = tilt_x * tilt_x + tilt_y * tilt_y
        shine *= np.float32(-16.0)
        shine += np.float32(1.0)
        np.maximum(shine, 0, out=shine)
        shine *= shine
        shine *= tissue["gloss"] * np.float32(0.42 / GLOSS_STEPS)

        # Light falls off with the square of the distance and is kept away by instruments.
        inverse = np.float32(1.0) / tissue["depth"]
        light = inverse * np.float32(self.reference)
        light *= light
        for one in drawn:
            self._cast_shadow(one, inverse, light)
        colour = np.empty((3, self.height, self.width), np.float32)
        for channel in range(3):
            np.multiply(tissue["colour"][..., channel], np.float32(1.0 / COLOUR_STEPS), out=colour[channel])
        colour += shine
        colour *= light
        for index, one in enumerate(drawn, 1):
            self._paint(one, index, owner, colour)
        if smoke > 0:
            self._blow_smoke(colour, time, smoke)
        return self._develop(colour, number)

    def _cast_shadow(self, one: Drawn, inverse_tissue: np.ndarray, light: np.ndarray) -> None:
        """Darken the tissue where the instrument stands between it and the light."""
        shape = SHAPES[one.action.instrument]
        u, v = one.place.shadow_plane_of(self.columns, self.rows, inverse_tissue, self.view.light)
        pixels = one.place.near_axis(u, v, shape.reach)
        along, across, inverse = one.place.to_mm(u.take(pixels), v.take(pixels))
        inside, _, _ = signed_distance(shape, along, across, one.jaw, one.action.flip)
        # Only what is nearer than the tissue casts a shadow; its edge is a little soft.
        dark = np.minimum(np.maximum(inside * np.float32(0.55) + np.float32(0.3), 0), 1)
        dark *= inverse > inverse_tissue.take(pixels)
        light.reshape(-1)[pixels] *= np.float32(1.0) - dark * np.float32(0.62)

    def _paint(self, one: Drawn, index: int, owner: np.ndarray, colour: np.ndarray) -> None:
        """Paint one instrument over the image [3, H, W] where it owns the pixels, softly against the tissue."""
        shape = SHAPES[one.action.instrument]
        owners = owner.take(one.pixels)
        alpha = one.cover * ((owners == index) | ((owners == 0) & (one.cover < 0.5)))
        # A lamp beside the lens: bright along the middle, dark at the sides, brighter when near, with a line of glare.
        middle = np.maximum(np.float32(1.0) - one.offset, 0)
        near = np.minimum(np.float32(self.reference) / np.maximum(one.depth, np.float32(15.0)), np.float32(1.9))
        brightness = (middle * np.float32(0.7) + np.float32(0.25)) * near
        glare = np.maximum(middle - np.float32(0.66), 0) * np.float32(0.9)
        if shape.slot:
            width = one.offset * np.float32(shape.width)
            dark = one.is_tip & (width < shape.slot) & (one.along > 2.5) & (one.along < shape.length - 5.0)
            brightness[dark] *= np.float32(0.2)
            glare[dark] = 0
        if shape.holes:
            place = one.along * np.float32(1.0 / 4.5)
            place -= np.floor(place)
            dark = one.is_tip & (np.abs(place - np.float32(0.5)) < 0.2) & (one.offset < 0.45) & (one.along < 17.0)
            brightness[dark] *= np.float32(0.15)
            glare[dark] = 0
        # Material 0 is the shaft, 1 the band, 2 the tip.
        material = (one.along < np.float32(shape.length + shape.band_length)).astype(np.int64)
        material[one.is_tip] = 2
        colours = np.array([self.look.seen(part) for part in (self.look.shaft, shape.band, shape.metal)], np.float32)
        flat = colour.reshape(3, -1)
        for channel in range(3):
            paint = (colours[:, channel].take(material) + glare) * brightness
            below = flat[channel].take(one.pixels)
            flat[channel][one.pixels] = below + (paint - below) * alpha

    def _blow_smoke(self, colour: np.ndarray, time: float, level: float) -> None:
        """Veil the image [3, H, W] with drifting smoke."""
        top, left = (int(path(knots, time) * self.longer) for knots in self.drift)
        veil = self.smoke[top : top + self.height, left : left + self.width] * np.float32(0.6 * level)
        veil += np.float32(0.05 * level)
        colour *= np.float32(1.0) - veil
        veil *= np.float32(0.78)
        colour += veil

    def _develop(self, colour: np.ndarray, number: int) -> np.ndarray:
        """Apply exposure, tone curve and sensor noise to [3, H, W]; return [H, W, 3] uint8."""
        colour *= self.exposure
        # Tone curve 1.5 x / (x + 0.75): lifts the dark and rolls off the bright.
        below = colour + np.float32(0.75)
        colour *= np.float32(1.5 * 255.0)
        colour /= below
        top, left = (number * 181) % self.height, (number * 97) % self.width
        colour += self.noise[top : top + self.height, left : left + self.width] + np.float32(0.5)
        colour *= self.inside
        np.clip(colour, 0, 255, out=colour)
        image = np.empty((self.height, self.width, 3), np.uint8)
        for channel in range(3):
            image[..., channel] = colour[channel]
        return image

    def _label(self, time: float, kinds, drawn: list[Drawn], owner, depth, image, smoke: float) -> SceneFrame:
        """Read every label off the z-buffered draw."""
        semantic = kinds.copy()
        flat, flat_owner = semantic.reshape(-1), owner.reshape(-1)
        for index, one in enumerate(drawn, 1):
            mine = flat_owner[one.pixels] == index
            part = np.where(one.is_tip[mine], np.uint8(semantic_id("tip")), np.uint8(semantic_id("shaft")))
            flat[one.pixels[mine]] = part
        semantic *= self.inside  # 0 is the border
        depth *= self.inside
        distances, triplets = [], []
        for one in drawn:
            column, row = self._nearest_pixel(one.place.x, one.place.y)
            within = -0.5 <= one.place.x < self.width - 0.5 and -0.5 <= one.place.y < self.height - 0.5
            seen = within and bool(self.inside[row, column])
            distances.append(one.tip_distance if seen else float("nan"))
            touches = seen and one.tip_distance <= CONTACT_MM
            target = TARGETS.index(SEMANTIC_CLASSES[kinds[row, column]]) if touches else 0
            triplets.append((one.action.instrument, one.action.verb if touches else 0, target))
        triplets.sort()
        box_labels = [one.action.instrument for one in drawn]
        phase, cvs = self.script.phase(time), view_criteria(semantic)
        bloody = int(np.count_nonzero(semantic == semantic_id("blood"))) >= visible_pixels(self.height, self.width)
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
            tips=np.array([(one.place.x, one.place.y) for one in drawn], np.float32).reshape(-1, 2),
            tip_distance_mm=np.array(distances, np.float32),
            triplets=triplets,
            cvs=cvs,
            smoke=smoke > 0,
            blood=bloody,
            questions=ask(self.procedure, phase, box_labels, triplets, cvs, smoke > 0, bloody),
        )
