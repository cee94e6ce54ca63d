# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""All monitors of a student on held-out videos, as one flat dict of numbers: during training and in `zen-hf report`.

Keys, with t a teacher, s a side of the student's input in pixels and e an encoder (`student`, `untrained` or a teacher):

    t/head_summary_fvu@s  t/head_patch_fvu@s  t/head_patch_fvu_pos@s      what the student's own adaptor leaves unexplained
    t/ridge_summary_fvu@s  t/ridge_patch_fvu@s  t/ridge_patch_fvu_pos@s   what a linear map from the frozen trunk does
    t/untrained_ridge_...@s                                               the same from the untrained trunk
    t/cka@s                                                               similarity of the patch tokens
    t/resolution_ratio@s  t/resolution_alarms                             head_patch_fvu over its best size; sizes above 1.5
    rank_me/e  position/e                                                 at the largest size
    knn/e  linear/e  retention/knn  regret/knn  retention/linear ...      where frames have labels

Patches that show more black border than picture count in the position probe alone: losses do not train them either.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from datasets import Dataset

from zen_hf.distillation.calibration import Calibration
from zen_hf.distillation.held_out_features import (
    TRUNK,
    answered,
    encode_frames,
    picture_tokens,
    student_encoder,
    undisturbed,
)
from zen_hf.distillation.held_out_frames import Part, read_parts
from zen_hf.distillation.monitors.checks import require_unseen_videos
from zen_hf.distillation.monitors.cka import linear_cka
from zen_hf.distillation.monitors.fvu import feature_mean, fvu
from zen_hf.distillation.monitors.label_probes import linear_probe_score, nearest_neighbour_score
from zen_hf.distillation.monitors.position_probe import position_probe
from zen_hf.distillation.monitors.rank_me import rank_me
from zen_hf.distillation.monitors.resolution_fidelity import resolution_fidelity
from zen_hf.distillation.monitors.ridge_fvu import ridge_fvu
from zen_hf.distillation.monitors.tuned_ridge import fit_tuned_ridge
from zen_hf.distillation.teachers import Teacher
from zen_hf.modeling.frame_encoder import FrameFeatures
from zen_hf.modeling.modeling_zen_distillation import ZenForDistillation


@dataclass
class MonitorSpec:
    """How often and on how much the student is measured on held-out videos.

    Attributes:
        every: Steps between readings; 0 takes none.
        frames: Frames of training videos to fit on, and as many of held-out videos to test on, at most.
        tokens: Patch tokens per frame that are measured, at most: those of every k-th row and column.
        label_column: Column of labels, for nearest neighbours and linear probes: a class as text or number, a list
            of texts, or a list of 0 and 1.
        neighbours: Frames that vote in nearest neighbours.
    """

    every: int = 0
    frames: int = 120
    tokens: int = 256
    label_column: str | None = None
    neighbours: int = 20

    def __post_init__(self):
        for name, least in (("every", 0), ("frames", 2), ("tokens", 4), ("neighbours", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"monitor.{name} is {getattr(self, name)}; expected at least {least}")


Features = tuple[FrameFeatures, FrameFeatures]  # of the frames to fit on, of the frames to test on


class HeldOutMonitor:
    """Reads what a student has learnt from its features of held-out videos.

    What does not change in training (the teachers' features, the readings of the teachers and of the untrained student)
    is computed here, once. Readings leave the training as it was: no gradient, no module's mode, no random state.

    Args:
        spec: How much is measured.
        fitting: Frames of training videos, with columns `image` (not decoded), `video_id` and `spec.label_column`.
        testing: Frames of other videos, likewise.
        teachers: The teachers, on the device they run on. Those of video (`is_video`) are left out, and `notes` says so.
        grids: Side of the student's square input in pixels to its patch grid (h, w).
        untrained: The student before its first step, the control of linear maps and of retention.

    Attributes:
        notes: Sentences on what is not measured, and why.
        references: Readings that stay the same.

    Raises:
        ValueError: If a video is in both parts, labels are too few or of an unknown kind, or no teacher can be measured.
    """

    def __init__(
        self,
        spec: MonitorSpec,
        fitting: Dataset,
        testing: Dataset,
        teachers: list[Teacher],
        grids: Mapping[int, tuple[int, int]],
        untrained: ZenForDistillation | None = None,
    ):
        self.spec, self.grids, self.largest = spec, dict(sorted(grids.items())), max(grids)
        require_unseen_videos(fitting["video_id"][:], testing["video_id"][:])
        videos_of = {teacher.name for teacher in teachers if getattr(teacher, "is_video", False)}
        self.notes = [f"{name} is a teacher of video and is not measured on frames" for name in sorted(videos_of)]
        if min(self.grids[self.largest]) < 2:
            self.notes.append("a grid of one row or column has no places: no position probe")
        teachers = [teacher for teacher in teachers if teacher.name not in videos_of]
        require_names([teacher.name for teacher in teachers])
        self.parts = read_parts(spec.label_column, fitting, testing, self.largest)
        with undisturbed():
            self.answers = {
                teacher.name: {size: self.of_teacher(teacher, grid) for size, grid in self.grids.items()}
                for teacher in teachers
            }
        self.leave_out_failures()
        if spec.label_column:
            require_labels(self.parts, spec)
        self.picture = {  # [F, n] of both parts
            size: tuple(picture_tokens(part.picture, grid, spec.tokens) for part in self.parts)
            for size, grid in self.grids.items()
        }
        self.references = {}
        for teacher, features in self.answers.items():
            self.references |= self.of_encoder(teacher, features[self.largest])
        if untrained is not None:
            features = self.of_student(untrained)[0]
            self.references |= self.of_encoder("untrained", features[self.largest])
            for size in self.grids:
                for teacher in self.answers:
                    self.references |= self.decoded(f"{teacher}/untrained_ridge", teacher, size, features[size])

    def __call__(
        self, student: ZenForDistillation, calibrations: Mapping[str, Calibration] | None = None
    ) -> dict[str, float]:
        """All readings; the file's head lists them.

        Args:
            student: The moving average where there is one; in any mode, which it keeps. All processes call it together
                where its weights are sharded.
            calibrations: The teachers' frozen statistics, whose inverse takes what the adaptors say into the
                teachers' space; None for an exported student, whose adaptors speak in it.

        Raises:
            ValueError: If the student's features are not finite.
        """
        features, predictions = self.of_student(student)
        readings = self.of_encoder("student", features[self.largest])
        for teacher in self.answers:
            calibration = calibrations[teacher] if calibrations is not None else None
            for size in self.grids:
                readings |= self.predicted(teacher, size, predictions[size][teacher], calibration)
                readings |= self.decoded(f"{teacher}/ridge", teacher, size, features[size])
                both = (features[size], self.answers[teacher][size])
                mine, wanted = (self.picture_rows(side, size)[1] for side in both)
                readings[f"{teacher}/cka@{size}"] = linear_cka(mine, wanted)
            readings |= self.resolutions(teacher, readings)
        return self.references | readings | self.compared(readings)

    def predicted(
        self, teacher: str, size: int, prediction: FrameFeatures, calibration: Calibration | None
    ) -> dict[str, float]:
        """What the student's adaptor leaves unexplained of a teacher."""
        known, wanted = self.answers[teacher][size]
        summary, patches = prediction.summary, prediction.patches[self.picture[size][1]]
        if calibration is not None:
            summary, patches = calibration.summary.inverse(summary), calibration.patches.inverse(patches)
        readings = {f"{teacher}/head_summary_fvu@{size}": fvu(summary, wanted.summary, feature_mean(known.summary))}
        return readings | self.unexplained(f"{teacher}/head", teacher, size, patches)

    def decoded(self, name: str, teacher: str, size: int, trunk: Features) -> dict[str, float]:
        """What a linear map from a frozen trunk leaves unexplained of a teacher."""
        fitting, testing = self.parts
        known, wanted = self.answers[teacher][size]
        summary = ridge_fvu(
            trunk[0].summary, known.summary, fitting.videos, trunk[1].summary, wanted.summary, testing.videos
        )
        inputs, unseen = self.picture_rows(trunk, size)
        counts = self.picture[size][0].sum(dim=1).tolist()
        videos = [video for video, count in zip(fitting.videos, counts, strict=True) for _ in range(count)]
        tuned = fit_tuned_ridge(inputs, self.picture_rows((known, wanted), size)[0], videos)
        readings = {f"{name}_summary_fvu@{size}": summary.fvu}
        return readings | self.unexplained(name, teacher, size, tuned.predict(unseen))

    def unexplained(self, name: str, teacher: str, size: int, predictions: torch.Tensor) -> dict[str, float]:
        """FVU and FVU_pos of predicted patch tokens [M, C], those of the picture in the frames to test on."""
        answers, (shown, unseen) = self.answers[teacher][size], self.picture[size]
        known, wanted = self.picture_rows(answers, size)
        mean = feature_mean(known)
        counts = shown.sum(dim=0)[:, None]  # [n, 1]
        sums = (answers[0].patches.double() * shown[:, :, None]).sum(dim=0)  # [n, C]
        means = torch.where(counts > 0, sums / counts.clamp(min=1), mean)  # of a position that is always border: all
        offsets = means.float()[unseen.nonzero()[:, 1]]  # [M, C]
        return {
            f"{name}_patch_fvu@{size}": fvu(predictions, wanted, mean),
            f"{name}_patch_fvu_pos@{size}": fvu(predictions - offsets, wanted - offsets, torch.zeros_like(mean)),
        }

    def picture_rows(self, features: Features, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The patch tokens that show picture, of both parts: [M, C]."""
        known, unseen = (part.patches[shown] for part, shown in zip(features, self.picture[size], strict=True))
        return known, unseen

    def resolutions(self, teacher: str, readings: dict[str, float]) -> dict[str, float]:
        """How evenly the adaptor predicts a teacher over sizes; a linear map fitted at each would hide a switch."""
        if len(self.grids) < 2:
            return {}
        fidelity = resolution_fidelity({size: readings[f"{teacher}/head_patch_fvu@{size}"] for size in self.grids})
        ratios = {f"{teacher}/resolution_ratio@{size}": ratio for size, ratio in fidelity.ratios.items()}
        return ratios | {f"{teacher}/resolution_alarms": float(len(fidelity.alarms))}

    def of_encoder(self, name: str, features: Features) -> dict[str, float]:
        """Readings of one encoder, student or teacher, by itself and against labels."""
        fitting, testing = self.parts
        known, unseen = features
        readings = {f"rank_me/{name}": rank_me(unseen.summary)}
        if min(known.grid) > 1:
            position = position_probe(known.patches, fitting.videos, unseen.patches, testing.videos, known.grid)
            readings[f"position/{name}"] = position.mean
        if self.spec.label_column:
            pooled = tuple(
                torch.cat([part.summary, masked_mean(part.patches, shown)], dim=1)
                for part, shown in zip(features, self.picture[self.largest], strict=True)
            )
            summaries = known.summary, unseen.summary
            readings[f"knn/{name}"] = self.probed(nearest_neighbour_score, summaries, neighbours=self.spec.neighbours)
            readings[f"linear/{name}"] = self.probed(linear_probe_score, pooled)
        return readings

    def probed(self, probe: Callable, vectors: tuple[torch.Tensor, torch.Tensor], **settings) -> float:
        """Score of a label probe on the frames that have a label."""
        sides = []
        for vector, part in zip(vectors, self.parts, strict=True):
            known = part.labels.known
            sides += [vector[known], part.labels.values[known], part.only(known).videos]
        return probe(*sides, single=self.parts[0].labels.single, **settings)

    def compared(self, readings: dict[str, float]) -> dict[str, float]:
        """The student's label scores against the best teacher's, above the untrained student's."""
        compared = {}
        for probe in ("knn", "linear") if self.spec.label_column else ():
            student, best = readings[f"{probe}/student"], max(self.references[f"{probe}/{t}"] for t in self.answers)
            compared[f"regret/{probe}"] = best - student
            control = self.references.get(f"{probe}/untrained")
            if control is not None and best > control:  # a share of no lead would say nothing
                compared[f"retention/{probe}"] = (student - control) / (best - control)
        return compared

    def of_student(
        self, student: ZenForDistillation
    ) -> tuple[dict[int, Features], dict[int, dict[str, FrameFeatures]]]:
        """The trunk's features per size, and per size and teacher what the adaptors say of the frames to test on."""
        fitting, testing = self.parts
        trunk, adaptors = {}, {}
        with undisturbed(student):
            for size, grid in self.grids.items():
                bare, whole = (student_encoder(student, size, grid, names) for names in ([], list(self.answers)))
                known = encode_frames(bare, fitting.pixels, grid, self.spec.tokens)[TRUNK]
                adaptors[size] = encode_frames(whole, testing.pixels, grid, self.spec.tokens)
                trunk[size] = known, adaptors[size].pop(TRUNK)
        return trunk, adaptors

    def of_teacher(self, teacher: Teacher, grid: tuple[int, int]) -> Features:
        """A teacher's features of both parts."""
        fitting, testing = (
            encode_frames(lambda images: {TRUNK: teacher(images, grid)}, part.pixels, grid, self.spec.tokens)[TRUNK]
            for part in self.parts
        )
        return fitting, testing

    def leave_out_failures(self) -> None:
        """Drops the frames on which a teacher is not finite, as training does."""
        every = [features for by_size in self.answers.values() for features in by_size.values()]
        kept = [
            torch.stack([answered(features[place]) for features in every]).all(dim=0)
            for place, _ in enumerate(self.parts)
        ]
        lost = sum(int((~keep).sum()) for keep in kept)
        if not lost:
            return
        if not all(keep.any() for keep in kept):
            raise ValueError(
                f"on {lost} held-out and fitting frames a teacher's features are not finite, and none is left of one "
                "part; run the teacher in float32, or take it out of the recipe"
            )
        self.notes.append(f"{lost} frames are left out, on which a teacher's features are not finite")
        self.parts = tuple(part.only(keep) for part, keep in zip(self.parts, kept, strict=True))
        for by_size in self.answers.values():
            for size, features in by_size.items():
                by_size[size] = tuple(
                    replace(part, summary=part.summary[keep], patches=part.patches[keep])
                    for part, keep in zip(features, kept, strict=True)
                )


def masked_mean(patches: torch.Tensor, shown: torch.Tensor) -> torch.Tensor:
    """Mean of the tokens [F, n, C] that show picture [F, n]; 0 for a frame that is border alone."""
    return (patches * shown[:, :, None]).sum(dim=1) / shown.sum(dim=1, keepdim=True).clamp(min=1)


def require_names(names: list[str]) -> None:
    """Refuses teachers whose readings would be taken for something else's, and none at all."""
    taken = {"student", "untrained"} & set(names)
    if taken or not names:
        raise ValueError(
            f"monitored teachers are {', '.join(names) or 'none'}; expected at least one of images, and none called "
            "'student' or 'untrained'. Rename it, or set monitor.every to 0"
        )


def require_labels(parts: tuple[Part, Part], spec: MonitorSpec) -> None:
    """Refuses labels that no probe can be fitted or tested on."""
    fitting, testing = (part.only(part.labels.known) for part in parts)
    frames, videos, tested = len(fitting.videos), len(set(fitting.videos)), len(testing.videos)
    if frames < spec.neighbours or videos < 2 or not testing.labels.values.sum():
        raise ValueError(
            f"monitor.label_column {spec.label_column!r}: {frames} frames of {videos} training videos and {tested} held-out "
            f"frames have labels; expected at least monitor.neighbours={spec.neighbours} of at least 2 videos to fit on, "
            "and a held-out frame that shows a class. Raise monitor.frames, lower monitor.neighbours, or leave it out"
        )
