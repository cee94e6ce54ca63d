# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The relaxed-boundary scores of the M2CAI16 and Cholec80 papers, faults included. For comparing with their tables only.

Within 10 s of a true transition, a prediction of a neighbouring phase counts as right. This returns what the MATLAB
script does that most papers used (`Evaluate.m` and `ReadPhaseLabel.m`, handed on since the M2CAI 2016 challenge; the
Cholec80 version is in the repository of Y. Jin et al., TMRNet, IEEE TMI 2021), which is wrong in five places:

1. At the end of a segment, the test reads the last frames, but the frames forgiven are the segment's first: the mask of
   the last t frames is used as an index from the start. A prediction that is early at the end is not forgiven, and an
   error at the start is, wherever the frame as far into the last t as this is into the first t was early.
2. Hits are counted over the union of truth and prediction, so precision and recall divide hits by fewer frames than they
   were counted on; both exceed 100 % and are cut to 100 %.
3. A phase that the truth does not hold is left out, with all its false predictions.
4. The reader takes the first row for a header; where files have none, as those of TMRNet, the first frame is lost.
5. "Neighbouring" is by index, and fixed for the phases of a cholecystectomy.
"""

import numpy as np

from zen_hf.benchmark.metrics.phase_recognition.segments import segments_of

CLASSES = (7, 8)  # Cholec80; M2CAI16, with trocar placement before the same seven


def forgiven_errors(classes: int, phase: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Errors (predicted minus true index) forgiven at the start and at the end of a segment of this phase."""
    start = (-1, -2) if phase >= classes - 2 else (-1,)
    end = (1, 2) if phase >= classes - 4 else (1,)
    return start, end


def legacy_relaxed_scores(
    truth: np.ndarray, predicted: np.ndarray, classes: int, window: int, as_published: bool = True
) -> dict:
    """Relaxed scores of one video.

    Args:
        truth: [frames], phase indices in the order of time.
        predicted: [frames], likewise.
        classes: 7 (phases of Cholec80) or 8 (of M2CAI16).
        window: frames forgiven on either side of a transition: 10 s, so 10 at 1 fps and 250 at 25 fps.
        as_published: with all faults of the head of this file; False mends 1 and 4, which are slips and not definitions.

    Returns:
        `accuracy`, and `jaccard`, `precision`, `recall` [classes] with NaN for a phase absent from the truth (precision
        also for one that was never predicted); shares in [0, 1].

    Raises:
        ValueError: if the phases are not those of a cholecystectomy, or the video has fewer than two frames.
    """
    if classes not in CLASSES:
        raise ValueError(
            f"{classes} classes: the relaxed scores are defined for the 7 phases of Cholec80 and the 8 of M2CAI16; "
            "leave legacy_relaxed_window out."
        )
    if len(truth) < 2:
        raise ValueError(f"{len(truth)} frames in a video: the relaxed scores drop the first and need at least two.")
    first = 1 if as_published else 0
    truth, predicted = np.asarray(truth)[first:], np.asarray(predicted)[first:]
    right = _right_frames(truth, predicted, classes, window, as_published)
    scores = {"accuracy": float(right.mean()), "jaccard": [], "precision": [], "recall": []}
    for phase in range(classes):
        true, found = truth == phase, predicted == phase
        hits = (right & (true | found)).sum() if true.any() else np.nan
        for name, frames in (("jaccard", true | found), ("precision", found), ("recall", true)):
            with np.errstate(divide="ignore", invalid="ignore"):  # never predicted: 0 / 0 undefined, hits / 0 cut to 1
                scores[name].append(float(np.minimum(hits / frames.sum(), 1.0)))
    return scores


def _right_frames(
    truth: np.ndarray, predicted: np.ndarray, classes: int, window: int, as_published: bool
) -> np.ndarray:
    """Which frames count as right, [frames]."""
    error = predicted.astype(int) - truth
    for phase, start, end in zip(*segments_of(truth), strict=True):
        segment = error[start:end]  # a view
        width = min(window, len(segment))
        late, early = forgiven_errors(classes, int(phase))
        segment[:width][np.isin(segment[:width], late)] = 0
        forgiven = np.isin(segment[len(segment) - width :], early)
        offset = 0 if as_published else len(segment) - width
        segment[offset : offset + width][forgiven] = 0
    return error == 0
