# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""How much burned-in writing is found: random lines on drawn films that move, that pause, and that stand still.

    python tests/curation/judging/overlay_recall.py --seed 101     # the seed used while the finder was built
    python tests/curation/judging/overlay_recall.py --seed 202     # held out

prints, for every kind of film, how many lines were covered but for a fiftieth of their ink, and each one that was not.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from overlay_films import Writing, film, masked_share, visible_ink  # noqa: E402

from zen_hf.curation.judging.geometry import GeometrySettings, find_geometry  # noqa: E402
from zen_hf.curation.judging.overlays import OverlaySettings, find_overlays  # noqa: E402
from zen_hf.data.synthetic_surgery import HOSPITALS  # noqa: E402

KINDS = ("moving", "pausing", "still")
HEIGHTS = {480: 854, 576: 1024, 720: 1280}
SYLLABLES = "ka lem ro ti SCHU MAR vi no hel ber Tan OK su lin JA gre wu zo fer ID Qu".split()
COLOURS = [
    (255, 255, 255), (225, 225, 225), (190, 190, 190), (150, 150, 150), (20, 20, 20), (255, 240, 60), (60, 220, 60),
    (0, 170, 60), (90, 230, 230), (70, 120, 255), (255, 150, 30), (230, 60, 200), (230, 30, 30), (160, 200, 120),
]  # fmt: skip


def random_line(rng: np.random.Generator, y: float) -> Writing:
    """A name, a date, a number or a clock somewhere on a line."""
    word = "".join(rng.choice(SYLLABLES, rng.integers(2, 4)))
    texts = [
        f"{word}, {rng.choice(SYLLABLES).capitalize()}a",
        word,
        f"{rng.integers(1, 29):02}.{rng.integers(1, 13):02}.{rng.integers(1930, 2010)}",
        f"{word} *{rng.integers(1930, 2010)}",
        f"Nr {rng.integers(10000, 999999)}/{rng.integers(100)}",
        "{clock}",
        f"2023-{rng.integers(1, 13):02}-{rng.integers(1, 29):02} {{clock}}",
    ]
    colour = np.clip(np.array(COLOURS[rng.integers(len(COLOURS))]) + rng.integers(-20, 21, 3), 0, 255)
    dressed = rng.choice(["plain", "plain", "outline", "panel"])
    return Writing(
        texts[rng.integers(len(texts))],
        float(rng.uniform(0.02, 0.72)),
        y + float(rng.uniform(-0.06, 0.06)),
        int(rng.integers(10, 29)),
        tuple(int(value) for value in colour),
        float(rng.choice([1.0, 1.0, 0.6])),
        tuple(int(value) for value in rng.integers(0, 90, 3)) if dressed == "panel" else None,
        bool(dressed == "outline"),
    )


def readings(seed: int, hospitals=HOSPITALS, numbers=(0, 1), kinds=KINDS):
    """Each film's kind, words of the film, lines, visible ink of each, overlays, and share of the picture masked."""
    for hospital in hospitals:
        for number in numbers:
            for kind in kinds:
                # One generator for each film, so that a part of the films can be looked at alone.
                rng = np.random.default_rng([seed, *hospital.encode(), number, KINDS.index(kind)])
                height = int(rng.choice(list(HEIGHTS)))
                size = (height, HEIGHTS[height])
                writings = [random_line(rng, y) for y in (0.08, 0.33, 0.6, 0.88)]
                frames = film(hospital, number, size, writings, moves=kind, seed=seed)
                geometry = find_geometry(frames, GeometrySettings())
                overlays = find_overlays(frames, geometry, OverlaySettings())
                seen = [visible_ink(writing, overlays.boxes, size) for writing in writings]
                share = masked_share(overlays.boxes, geometry.area(size))
                yield kind, f"{kind} {hospital} {number} {height}", writings, seen, overlays, share


def main() -> None:
    """Prints the figures of a seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--hospitals", nargs="*", default=HOSPITALS)
    parser.add_argument("--kinds", nargs="*", default=KINDS)
    parser.add_argument("--numbers", nargs="*", type=int, default=[0, 1])
    options = parser.parse_args()
    lines, shares, doubtful = {}, {}, {}
    for kind, name, writings, seen, overlays, share in readings(
        options.seed, options.hospitals, options.numbers, options.kinds
    ):
        print(f"{name}: {100 * share:.1f} % of the picture masked{', doubtful' if overlays.doubtful else ''}")
        shares.setdefault(kind, []).append(share)
        doubtful.setdefault(kind, []).append(overlays.doubtful)
        for writing, ink in zip(writings, seen, strict=True):
            what = (kind, "opaque" if writing.opacity == 1 else "opacity 0.6")
            safe = "covered" if ink <= 0.02 else "doubtful" if overlays.doubtful else "missed"
            lines.setdefault(what, []).append(safe)
            if safe != "covered":
                print(f"  {safe}: {100 * ink:.0f} % of the ink seen of {writing}")
        sys.stdout.flush()
    for (kind, opacity), safe in sorted(lines.items()):
        counts = ", ".join(f"{safe.count(word)} {word}" for word in ("covered", "doubtful", "missed"))
        print(f"{kind}, {opacity}: of {len(safe)} lines {counts}")
    for kind, values in shares.items():
        print(
            f"{kind}: {100 * np.mean(values):.1f} % of the picture masked on average, at most {100 * max(values):.1f}"
            f" %; {sum(doubtful[kind])} of {len(values)} films doubtful"
        )


if __name__ == "__main__":
    main()
