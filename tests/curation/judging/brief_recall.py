# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""How many frames with writing of 2 to 5 sampled frames are refused, on drawn films that move and that stand still.

python tests/curation/judging/brief_recall.py --seed 601     # the seed used while the finder was built
python tests/curation/judging/brief_recall.py --seed 701     # held out
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from overlay_films import LOOKS, film  # noqa: E402
from overlay_recall import HEIGHTS, random_line  # noqa: E402

from zen_hf.curation.judging.brief_writing import common_lines, stroke_signs  # noqa: E402
from zen_hf.data.synthetic_surgery import HOSPITALS  # noqa: E402


def refused(frames: list[np.ndarray]) -> np.ndarray:
    """Which frames have a line of writing in common with a neighbour, bool [n]."""
    signs = [stroke_signs(frame) for frame in frames]
    common = [bool(common_lines(*pair)) for pair in zip(signs, signs[1:], strict=False)]
    return np.array([False, *common]) | np.array([*common, False])


def main() -> None:
    """Prints the figures of a seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--films", type=int, default=30)
    options = parser.parse_args()
    for kind in ("moving", "still"):
        found, whole = [], []
        for number in range(options.films):
            rng = np.random.default_rng([options.seed, number])
            height = int(rng.choice(list(HEIGHTS)))
            writing = random_line(rng, rng.uniform(0.08, 0.9))
            shown = int(rng.integers(2, 6))
            begin = int(rng.integers(0, LOOKS - shown))
            hospital = HOSPITALS[number % len(HOSPITALS)]
            frames = film(hospital, 0, (height, HEIGHTS[height]), [writing], kind)[begin : begin + shown]
            seen = refused(frames)
            found += list(seen)
            whole.append(seen.all())
        print(f"{kind}: {sum(found)} of {len(found)} frames refused; of {len(whole)} films, {sum(whole)} wholly")


if __name__ == "__main__":
    main()
