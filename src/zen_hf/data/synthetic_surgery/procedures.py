# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What each procedure looks like and how it goes: the organs' layout in millimetres and the phases in order.

The origin is the middle of the region that is dissected, x to the right and y downwards in the anatomy's own frame;
every video turns, mirrors and shifts it. A dome is an ellipse that bulges towards the camera, a tube is a polyline
that lies on what is below it.
"""

from dataclasses import dataclass

from .vocabulary import PROCEDURES


@dataclass(frozen=True)
class Dome:
    """An organ with an elliptic outline; `turn` is tan(angle / 2), lengths are in mm."""

    organ: str
    x: float
    y: float
    half_length: float
    half_width: float
    turn: float
    height: float


@dataclass(frozen=True)
class Tube:
    """A vessel, duct or bowel loop along `points` (mm), lying on what is below it."""

    organ: str
    points: tuple[tuple[float, float], ...]
    radius: float


@dataclass(frozen=True)
class Move:
    """One thing an instrument may do in a phase: on which organ, and how often compared with its neighbours."""

    instrument: str
    verb: str
    organ: str
    weight: int = 1


@dataclass(frozen=True)
class Phase:
    """A phase: its share of the video and what the holding and the working hand do in it."""

    name: str
    share: float
    hold: tuple[Move, ...]
    work: tuple[Move, ...]


@dataclass(frozen=True)
class Procedure:
    """The organs from bottom to top, the main one, where each can be touched, and the phases in order."""

    shapes: tuple[Dome | Tube, ...]
    main: str
    connective: Dome
    touch: dict[str, tuple[tuple[float, float], ...]]
    phases: tuple[Phase, ...]


def _phases(main: str, neighbour: str) -> dict[str, tuple[tuple[Move, ...], tuple[Move, ...]]]:
    """Return what the two hands do in every phase, for a procedure on `main` beside `neighbour`."""
    retract = (
        Move("grasper", "retract", main, 2),
        Move("grasper", "grasp", neighbour),
        Move("irrigator", "aspirate", "connective"),
    )
    return {
        "preparation": (
            (Move("grasper", "grasp", "fat", 2), Move("irrigator", "irrigate", "abdominal_wall")),
            (
                Move("grasper", "retract", neighbour, 2),
                Move("bipolar", "coagulate", "fat"),
                Move("scissors", "dissect", "fat"),
            ),
        ),
        "mobilisation": (
            retract,
            (
                Move("scissors", "cut", "fat", 3),
                Move("hook", "dissect", neighbour),
                Move("bipolar", "coagulate", "fat"),
            ),
        ),
        "dissection": (
            retract,
            (
                Move("hook", "dissect", "connective", 3),
                Move("scissors", "dissect", "duct"),
                Move("bipolar", "dissect", "artery"),
            ),
        ),
        "clipping_and_cutting": (
            (*retract, Move("needle_driver", "grasp", main)),
            (
                Move("clipper", "clip", "duct", 2),
                Move("clipper", "clip", "artery", 2),
                Move("scissors", "cut", "duct"),
            ),
        ),
        "detachment": (
            retract,
            (
                Move("hook", "coagulate", "bed", 3),
                Move("scissors", "dissect", "bed"),
                Move("bipolar", "coagulate", "bed"),
            ),
        ),
        "coagulation": (
            (Move("grasper", "retract", neighbour), Move("irrigator", "aspirate", "bed", 2)),
            (
                Move("bipolar", "coagulate", "artery", 2),
                Move("bipolar", "coagulate", "bed", 2),
                Move("hook", "coagulate", main),
            ),
        ),
        "suturing": (
            (Move("needle_driver", "grasp", main, 2), Move("grasper", "grasp", main)),
            (
                Move("needle_driver", "suture", main, 2),
                Move("needle_driver", "suture", "bed"),
                Move("scissors", "cut", main),
            ),
        ),
        "washing": (
            (Move("grasper", "retract", neighbour, 2), Move("needle_driver", "grasp", "fat")),
            (
                Move("irrigator", "irrigate", "bed", 2),
                Move("irrigator", "aspirate", "connective", 2),
                Move("clipper", "clip", "artery"),
            ),
        ),
    }


def _sequence(main: str, neighbour: str, *order: tuple[str, float]) -> tuple[Phase, ...]:
    """Put phases in order; each comes with its share of the video."""
    hands = _phases(main, neighbour)
    return tuple(Phase(name, share, *hands[name]) for name, share in order)


PLANS = {
    "cholecystectomy": Procedure(
        shapes=(
            Dome("fat", 0, 52, 75, 30, 0.0, 7),
            Dome("liver", -12, -50, 84, 44, 0.06, 18),
            Dome("fat", -46, 14, 20, 26, 0.1, 9),
            Dome("gallbladder", 20, -14, 31, 13, -0.22, 16),
            Tube("artery", ((8, -14), (-8, -8), (-18, 2), (-38, 8)), 1.9),
            Tube("duct", ((2, -4), (-6, 6), (-14, 12), (-30, 24)), 2.9),
        ),
        main="gallbladder",
        connective=Dome("connective", -10, 2, 21, 16, 0.25, 3.0),
        touch={
            "gallbladder": ((22, -14), (34, -22), (12, -8)),
            "liver": ((-10, -34), (20, -40), (-34, -30)),
            "fat": ((0, 42), (-44, 14), (24, 46)),
            "abdominal_wall": ((52, 8), (46, 20)),
            "connective": ((-12, 0), (-8, 8), (-18, 10)),
            "duct": ((-7, 7), (-14, 12)),
            "artery": ((-8, -8), (-18, 2)),
            "bed": ((18, -22), (30, -28), (8, -16)),
        },
        phases=_sequence(
            "gallbladder",
            "liver",
            ("preparation", 1.0),
            ("dissection", 2.0),
            ("clipping_and_cutting", 1.5),
            ("detachment", 1.8),
            ("coagulation", 1.0),
            ("washing", 1.0),
        ),
    ),
    "nephrectomy": Procedure(
        shapes=(
            Dome("fat", 6, 8, 62, 44, 0.1, 6),
            Dome("liver", 30, -58, 64, 30, 0.08, 14),
            Tube("bowel", ((-62, -50), (-50, -14), (-56, 20), (-40, 56)), 13.0),
            Dome("kidney", 24, -2, 21, 30, -0.12, 17),
            Tube("vein", ((14, -6), (-12, -6), (-40, -2)), 4.6),
            Tube("artery", ((12, -12), (-10, -14), (-36, -16)), 2.0),
            Tube("duct", ((12, 8), (0, 16), (-4, 32), (-2, 60)), 2.3),
        ),
        main="kidney",
        connective=Dome("connective", -8, 2, 19, 22, 0.0, 3.5),
        touch={
            "kidney": ((26, -2), (24, 12), (26, -18)),
            "liver": ((26, -42), (44, -44)),
            "bowel": ((-50, -14), (-54, 16)),
            "fat": ((2, 38), (48, 22), (-20, 24)),
            "abdominal_wall": ((-30, 52), (-20, -46)),
            "connective": ((-8, 4), (-12, -6), (-4, 14)),
            "duct": ((0, 16), (-3, 26)),
            "artery": ((-6, -14), (2, -13)),
            "bed": ((18, -22), (9, -10), (8, -16)),
        },
        phases=_sequence(
            "kidney",
            "bowel",
            ("preparation", 0.8),
            ("mobilisation", 1.8),
            ("dissection", 1.6),
            ("clipping_and_cutting", 1.4),
            ("detachment", 1.2),
            ("suturing", 1.4),
            ("coagulation", 0.8),
        ),
    ),
    "hysterectomy": Procedure(
        shapes=(
            Dome("fat", -50, 36, 40, 24, 0.2, 6),
            Tube("bowel", ((-56, 46), (-20, 56), (18, 46), (58, 58)), 12.0),
            Dome("uterus", 8, -14, 26, 23, 0.0, 20),
            Tube("duct", ((-10, -20), (-24, -16), (-38, -24), (-56, -16)), 2.6),
            Tube("duct", ((26, -22), (42, -18), (58, -28)), 2.6),
            Tube("artery", ((-10, 0), (-24, 6), (-42, 2)), 2.0),
            Tube("vein", ((-8, 8), (-26, 14), (-46, 12)), 3.2),
        ),
        main="uterus",
        connective=Dome("connective", -20, 0, 18, 20, 0.1, 3.0),
        touch={
            "uterus": ((8, -14), (16, -4), (2, -24)),
            "bowel": ((-18, 54), (18, 46), (0, 52)),
            "fat": ((-48, 34), (-40, 28)),
            "abdominal_wall": ((46, 10), (-44, -48), (30, 20)),
            "connective": ((-20, 2), (-16, -10), (-24, 10)),
            "duct": ((-22, -17), (-32, -20)),
            "artery": ((-18, 4), (-26, 6)),
            "bed": ((8, -32), (-6, -28), (20, -30)),
        },
        phases=_sequence(
            "uterus",
            "bowel",
            ("preparation", 0.8),
            ("coagulation", 1.4),
            ("dissection", 1.4),
            ("detachment", 1.6),
            ("suturing", 1.8),
            ("washing", 1.0),
        ),
    ),
    "sigmoidectomy": Procedure(
        shapes=(
            Dome("fat", 0, 0, 66, 52, 0.0, 5),
            Dome("fat", -34, 34, 28, 16, 0.3, 8),
            Tube("duct", ((-46, -40), (-24, -10), (-14, 18), (-20, 60)), 2.3),
            Tube("artery", ((-50, 8), (-22, 6), (2, -6), (26, -12)), 2.1),
            Tube("vein", ((-50, 16), (-20, 14), (6, 4), (28, 0)), 3.4),
            Tube("bowel", ((60, -60), (36, -34), (30, -2), (44, 26), (30, 62)), 13.5),
        ),
        main="bowel",
        connective=Dome("connective", -10, 4, 22, 15, 0.1, 3.0),
        touch={
            "bowel": ((32, -10), (36, 12), (34, -28)),
            "fat": ((-34, 32), (0, 36), (-2, -36)),
            "abdominal_wall": ((-58, -52), (-62, 50)),
            "connective": ((-12, 2), (-4, 8), (-20, 4)),
            "duct": ((-20, -2), (-15, 14)),
            "artery": ((-14, 4), (-4, -3)),
            "bed": ((18, -10), (20, 2), (22, -20)),
        },
        phases=_sequence(
            "bowel",
            "fat",
            ("preparation", 0.8),
            ("dissection", 1.6),
            ("clipping_and_cutting", 1.4),
            ("mobilisation", 1.8),
            ("detachment", 1.0),
            ("suturing", 1.4),
            ("washing", 0.8),
        ),
    ),
}


def procedure_plan(name: str) -> Procedure:
    """Return the layout and the phases of a procedure.

    Args:
        name: one of `PROCEDURES`.

    Raises:
        ValueError: if there is no such procedure.
    """
    if name not in PLANS:
        raise ValueError(f"procedure {name!r} does not exist; choose from {', '.join(PROCEDURES)}")
    return PLANS[name]
