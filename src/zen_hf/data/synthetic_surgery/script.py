# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The plot of one video: who does what, where and when, and how the camera moves.

Time runs from 0 to 1 over the video, whatever its number of frames, so that any frame can be drawn alone and a longer
video is a smoother one.
"""

from dataclasses import dataclass

import numpy as np

from .noise import between, ease, path, stream, unit
from .procedures import Move, Phase, Procedure
from .vocabulary import INSTRUMENTS, PHASES, VERBS

SEGMENTS = 4  # actions a hand does in one phase


@dataclass(frozen=True)
class Action:
    """One instrument's stay in the scene, from coming in to going out.

    Args:
        instrument: id in `INSTRUMENTS`.
        verb: id in `VERBS`, done while in contact.
        start: time it comes in.
        end: time it is gone.
        target: point of the anatomy it goes to, mm.
        entry: unit vector in the frame from the tip towards where the shaft comes in.
        rise: (cos, sin) of the shaft's angle against the frame's plane.
        hover_in: height over the tissue before the contact, mm.
        hover_out: height over the tissue after it, mm.
        jaw: how far the jaws open, 0 to 1.
        flip: 1 or -1, on which side an asymmetric tip points.
        wobble_x: knots of small movements along the anatomy's x, mm.
        wobble_y: the same along y.
    """

    instrument: int
    verb: int
    start: float
    end: float
    target: tuple[float, float]
    entry: tuple[float, float]
    rise: tuple[float, float]
    hover_in: float
    hover_out: float
    jaw: float
    flip: float
    wobble_x: list[float]
    wobble_y: list[float]

    @property
    def burns(self) -> bool:
        """Return whether it makes smoke: coagulation does, and whatever a hook dissects."""
        verb = VERBS[self.verb]
        return verb == "coagulate" or (verb == "dissect" and INSTRUMENTS[self.instrument] == "hook")

    def pose(self, time: float) -> tuple[float, float, float, float, float]:
        """Return the way it is drawn back (mm), its height over the tissue (mm), its jaws (0 to 1) and its offset."""
        share = (time - self.start) / (self.end - self.start)
        out = 1.0 - ease(share * 14.0) * ease((1.0 - share) * 14.0)
        before, after = ease((0.48 - share) * 3.2), ease((share - 0.68) * 3.2)
        height = 0.5 + self.hover_in * before + self.hover_out * after
        # Closed on the tissue while grasping and the like; scissors keep snapping.
        rest = min(before + after, 1.0)
        work = 0.5 * self.jaw if VERBS[self.verb] in ("cut", "dissect") else 0.12
        jaw = self.jaw * rest + work * (1.0 - rest)
        return (
            out * 60.0,
            height,
            jaw,
            path(self.wobble_x, share),
            path(self.wobble_y, share),
        )


@dataclass(frozen=True)
class Script:
    """Everything that changes in one video.

    Args:
        phases: (id in `PHASES`, end time) in order.
        actions: all actions of all hands.
        pan_x: knots of the camera's shift along x, in field widths.
        pan_y: the same along y.
        zoom: knots of its distance, as a share of the mean distance.
        roll: knots of tan(roll / 2).
        blood: knots of the blood level.
        thorough: how much of the cover 'dissection' and 'detachment' take away in the end, 1 for all of it.
    """

    phases: tuple[tuple[int, float], ...]
    actions: tuple[Action, ...]
    pan_x: list[float]
    pan_y: list[float]
    zoom: list[float]
    roll: list[float]
    blood: list[float]
    thorough: dict[str, float]

    def phase(self, time: float) -> int:
        """Return the phase's id at a time."""
        return next(phase for phase, end in self.phases if time < end)

    def opened(self, time: float, phase: str) -> float:
        """Return how far the dissection that `phase` does has come, from 0 to its thoroughness in this video."""
        begin = 0.0
        for number, end in self.phases:
            if PHASES[number] == phase:
                share = (time - begin) / (min(end, 1.0) - begin)
                return min(max(share, 0.0), 1.0) * self.thorough[phase]
            begin = end
        return 0.0

    def clips(self, time: float) -> int:
        """Return how many clips have been placed: every clipping leaves one when its contact ends, four at most."""
        clip = VERBS.index("clip")
        placed = sum(
            action.verb == clip and time >= action.start + 0.68 * (action.end - action.start)
            for action in self.actions
        )
        return min(placed, 4)

    def blood_level(self, time: float) -> float:
        """Return the blood level, 0 (none) to 1."""
        level = path(self.blood, time)
        return level if level > 0.12 else 0.0

    def smoke(self, time: float) -> float:
        """Return the smoke's density, 0 or 0.3 to 1: coagulation makes it, and it takes a while to go."""
        level = 0.0
        for action in self.actions:
            length = action.end - action.start
            since = (time - action.start - 0.45 * length) / length
            if 0.0 <= since < 1.1 and action.burns:
                level = max(level, min(since * 6.0, 1.0, (1.1 - since) * 1.4))
        return level if level >= 0.3 else 0.0


def _phase_ends(phases: tuple[Phase, ...], rng: np.random.Generator) -> list[float]:
    """Return the end time of every phase: its share, longer or shorter by up to a third."""
    shares = [phase.share * between(rng, 0.67, 1.33) for phase in phases]
    # A loop, since the built-in sum rounds floats differently from Python 3.12 on.
    passed = 0.0
    ends = []
    for share in shares:
        passed += share
        ends.append(passed)
    ends = [end / passed for end in ends]
    ends[-1] = 1.1  # the last phase also holds the very end
    return ends


def _choose(moves: tuple[Move, ...], rng: np.random.Generator) -> Move:
    """Draw a move by weight."""
    ticket = int(rng.integers(sum(move.weight for move in moves)))
    for move in moves:
        ticket -= move.weight
        if ticket < 0:
            return move
    raise AssertionError("the ticket is below the sum of the weights")


def _action(move: Move, plan: Procedure, start: float, end: float, side: float, rng: np.random.Generator) -> Action:
    """Turn a move into a stay of an instrument that comes in from the left (side -1) or the right (1)."""
    points = plan.touch[move.organ]
    x, y = points[int(rng.integers(len(points)))]
    entry = unit(side * between(rng, 0.25, 1.0), between(rng, -0.75, 1.0))
    cos, sin = unit(1.0, between(rng, 0.3, 0.8))
    wobble = (rng.random((2, 8)) - 0.5) * 7.0
    return Action(
        instrument=INSTRUMENTS.index(move.instrument),
        verb=VERBS.index(move.verb),
        start=start,
        end=end,
        target=(x + between(rng, -5.0, 5.0), y + between(rng, -5.0, 5.0)),
        entry=entry,
        rise=(cos, sin),
        hover_in=between(rng, 4.0, 32.0),
        hover_out=between(rng, 4.0, 32.0),
        jaw=between(rng, 0.35, 1.0),
        flip=1.0 if rng.integers(2) else -1.0,
        wobble_x=wobble[0].tolist(),
        wobble_y=wobble[1].tolist(),
    )


def _hand(
    plan: Procedure, ends: list[float], which: str, side: float, staying: float, rng: np.random.Generator
) -> list[Action]:
    """Return the actions of one hand: `which` ('hold' or 'work') of them, and `staying`, how often it is there."""
    actions, begin = [], 0.0
    for phase, end in zip(plan.phases, ends, strict=True):
        end = min(end, 1.0)
        cuts = [begin]
        for piece in range(1, SEGMENTS):
            cuts.append(begin + (end - begin) * (piece + between(rng, -0.3, 0.3)) / SEGMENTS)
        cuts.append(end)
        for start, stop in zip(cuts[:-1], cuts[1:], strict=True):
            action = _action(_choose(getattr(phase, which), rng), plan, start, stop, side, rng)
            if rng.random() < staying:
                actions.append(action)
        begin = end
    return actions


def write_script(plan: Procedure, seed: int, index: int) -> Script:
    """Write the plot of one video.

    Args:
        plan: the procedure.
        seed: seed of the data set.
        index: number of the video.
    """
    rng = stream(seed, index, 3)
    ends = _phase_ends(plan.phases, rng)
    side = 1.0 if rng.integers(2) else -1.0
    actions = _hand(plan, ends, "work", side, 0.95, rng)
    actions += _hand(plan, ends, "hold", -side, 0.75, rng)
    actions += _hand(plan, ends, "work", -side if rng.integers(2) else side, 0.22, rng)
    knots = 24
    pan = (rng.random((2, knots)) - 0.5) * 0.24
    zoom = rng.random(knots) * 0.24 + 0.88
    roll = (rng.random(knots) - 0.5) * 0.14
    # No blood most of the time, and none before anything was cut.
    blood = np.minimum(np.maximum(rng.random(knots) * 1.5 - 0.65, 0.0), 1.0)
    blood[:4] = 0.0
    return Script(
        phases=tuple((PHASES.index(phase.name), end) for phase, end in zip(plan.phases, ends, strict=True)),
        actions=tuple(actions),
        pan_x=pan[0].tolist(),
        pan_y=pan[1].tolist(),
        zoom=zoom.tolist(),
        roll=roll.tolist(),
        blood=blood.tolist(),
        thorough={"dissection": between(rng, 0.55, 1.1), "detachment": between(rng, 0.55, 1.1)},
    )
