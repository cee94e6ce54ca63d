# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The first stage of a curation: a video becomes chunks of frames that are worth keeping, and reasons for the others.

Frames leave this stage as they will be stored: overlays masked, cropped to the endoscope's picture, encoded. What lies
outside the body by an encoder's judgement is dropped in the next stage, before anything is written.
"""

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, pairwise

import numpy as np
from PIL import Image

from zen_hf.data.frame_pixels import frame_to_square
from zen_hf.data.perceptual_hash import perceptual_hash
from zen_hf.data.video_sampling import SampledFrame, Video, VideoError

from .chunk import Chunk, VideoTask
from .frame_row import SIGNALS
from .judging.brief_writing import common_lines, stroke_signs
from .judging.different_frames import DifferentFrames
from .judging.filters import FilterSettings, rejection
from .judging.geometry import Geometry, GeometrySettings, find_geometry
from .judging.near_duplicates import DuplicateSettings, SeenFrames
from .judging.overlays import SMALLEST, Overlays, OverlaySettings, find_overlays, frame_overlay
from .judging.signals import Signals, measure
from .parts import VideoRecord

CHUNK_FRAMES, CHUNK_BYTES = 128, 2**25  # of candidates and rejected frames together; PNG reaches the second first
LOOKS = 96  # frames that are sampled for border and overlays before any is judged
DIFFERENT_LOOKS = 32  # of them that differ most, so that a film that pauses for long still tells what moves
FEWEST_LOOKS = 16  # of one size: with fewer, fixed text cannot be told from tissue


@dataclass
class ImageSettings:
    """How kept frames are stored.

    Attributes:
        format: `"jpeg"` or `"png"`; the second keeps every bit and takes about ten times the room.
        quality: Of JPEG, 1 to 100.
        longest_side: Frames with a longer side are reduced to it, in px; 0 keeps every size.
    """

    format: str = "jpeg"
    quality: int = 92
    longest_side: int = 0

    def __post_init__(self):
        if self.format not in ("jpeg", "png"):
            raise ValueError(f"image.format is {self.format!r}; expected 'jpeg' or 'png'")
        if not 1 <= self.quality <= 100 or self.longest_side < 0:
            raise ValueError(
                f"image.quality is {self.quality} and image.longest_side {self.longest_side}; expected a quality of 1 "
                "to 100, and a side in px or 0"
            )

    def encode(self, rgb: np.ndarray) -> bytes:
        """The file of a frame [H, W, 3], without any metadata."""
        picture, file = Image.fromarray(rgb), io.BytesIO()
        if self.longest_side and max(picture.size) > self.longest_side:
            scale = self.longest_side / max(picture.size)
            size = tuple(max(1, round(side * scale)) for side in picture.size)
            picture = picture.resize(size, Image.Resampling.BICUBIC)
        options = {"quality": self.quality, "subsampling": 0} if self.format == "jpeg" else {}
        picture.save(file, self.format, **options)
        return file.getvalue()


@dataclass
class DecodeSettings:
    """All that decides which frames leave a video.

    Attributes:
        fps: Frames that are looked at per second of video.
    """

    fps: float = 1.0
    image: ImageSettings = field(default_factory=ImageSettings)
    geometry: GeometrySettings = field(default_factory=GeometrySettings)
    overlays: OverlaySettings = field(default_factory=OverlaySettings)
    filters: FilterSettings = field(default_factory=FilterSettings)
    duplicates: DuplicateSettings = field(default_factory=DuplicateSettings)

    def __post_init__(self):
        if not 0 < self.fps < float("inf"):
            raise ValueError(f"fps is {self.fps}; expected frames per second above 0, such as 1 or 0.2")


@dataclass(frozen=True)
class Look:
    """Where the picture of all frames of one size lies, and what covers it throughout."""

    geometry: Geometry
    overlays: Overlays
    area: np.ndarray  # [H, W], True where the picture is

    @classmethod
    def at(cls, frames: list[np.ndarray], settings: DecodeSettings) -> "Look":
        """Looks at frames of one size."""
        geometry = find_geometry(frames, settings.geometry)
        return cls(geometry, find_overlays(frames, geometry, settings.overlays), geometry.area(frames[0].shape))


@dataclass(frozen=True)
class VideoDecoding:
    """Builds the stage; see `engines.stage.Stage`.

    Args:
        settings: Which frames leave.
        image_size: Side of the pixels for an encoder; None without one.
        stop_s: Moment at which to stop, in seconds of the film; None to go to its end.
    """

    settings: DecodeSettings
    image_size: int | None = None
    stop_s: float | None = None

    def __call__(self):
        """The function of one video."""
        return self.chunks

    def chunks(self, task: VideoTask) -> Iterator[Chunk]:
        """Chunks of a video, the last of which has its record; a video that cannot be read is its record alone."""
        number = 0
        try:
            with Video(task.video.open(), task.video.name, threads=1) as video:
                judge = FrameJudge(task, self.settings, self.image_size, looks_of(video, self.settings))
                for frame, after in pairwise(chain(video.sample(self.settings.fps, stop_s=self.stop_s), [None])):
                    judge.see(frame, after)
                    if judge.waiting >= CHUNK_FRAMES or judge.bytes >= CHUNK_BYTES:
                        yield judge.chunk(number)
                        number += 1
                record = task.record(
                    duration_s=round(video.shown_s, 3),
                    fps=round(video.fps, 3),
                    width=video.width,
                    height=video.height,
                    codec=video.codec,
                    sampled=judge.sampled,
                    problems=[*video.problems, *judge.problems()],
                )
            yield judge.chunk(number, record)  # a decoder that crashes at its end must crash before the last chunk
        except VideoError as error:
            yield Chunk(task.video_id, number, record=task.record(failed=error.reason), private=str(error))
        except Exception as error:  # one video never ends the run; its message may hold names, so it stays private
            failed = f"{type(error).__name__} while it was read; the private report says more"
            yield Chunk(
                task.video_id, number, record=task.record(failed=failed), private=f"{type(error).__name__}: {error}"
            )


def looks_of(video: Video, settings: DecodeSettings) -> dict[tuple[int, ...], Look]:
    """Border and overlays by the size of the frames, from some frames of the whole film.

    A size that the film shows in a part of it alone is looked at again there.
    """
    fewest = FEWEST_LOOKS if settings.overlays.find else 1
    gap = video.frame_count / LOOKS
    seen, places = some_frames(video, 0.0, video.frame_count)
    for shape, numbers in places.items():
        if len(seen[shape]) < fewest:
            first, end = max(min(numbers) - gap, 0.0), min(max(numbers) + gap, video.frame_count)
            again, _ = some_frames(video, first, end)
            seen[shape] = max(seen[shape], again.get(shape, []), key=len)
    return {shape: Look.at(frames, settings) for shape, frames in seen.items() if len(frames) >= fewest}


def some_frames(video: Video, first: float, end: float) -> tuple[dict, dict]:
    """Frames of a film from one number on to before another, evenly spaced, and their numbers, by the size of the frames.

    Spaced by numbers, not by seconds: a pause of the recorder has no frames.
    """
    frames: dict[tuple[int, ...], DifferentFrames] = {}
    numbers: dict[tuple[int, ...], list[int]] = {}
    evenly = first + (end - first) * np.arange(LOOKS) / LOOKS
    for frame in video.numbered(np.unique(np.ceil(evenly - 0.5).clip(0, video.frame_count - 1).astype(int))):
        numbers.setdefault(frame.image.shape, []).append(frame.frame_index)
        frames.setdefault(frame.image.shape, DifferentFrames(DIFFERENT_LOOKS, least=0.0)).see(frame.image)
    return {shape: seen.frames for shape, seen in frames.items()}, numbers


class FrameJudge:
    """Judges the frames of one video in the order of time.

    Args:
        task: The video.
        settings: Which frames leave.
        image_size: Side of the pixels for an encoder; None without one.
        looks: What is known of the frames of every size.
    """

    def __init__(
        self, task: VideoTask, settings: DecodeSettings, image_size: int | None, looks: dict[tuple[int, ...], Look]
    ):
        self.task, self.settings, self.image_size, self.looks = task, settings, image_size, looks
        self.before: SampledFrame | None = None
        self.strokes: dict[int, np.ndarray] = {}  # by the index of the frame, of the last ones
        self.seen = SeenFrames(settings.duplicates)
        self.sampled = self.bytes = 0
        self.unsafe = Counter()
        self.candidates, self.rejected, self.pixels = [], [], []

    @property
    def waiting(self) -> int:
        """Number of judged frames that are in no chunk yet."""
        return len(self.candidates) + len(self.rejected)

    def see(self, frame: SampledFrame, after: SampledFrame | None) -> None:
        """Judges the next frame; the sampled one after it, if there is one, tells writing that is there for seconds."""
        self.sampled += 1
        place = {"video_id": self.task.video_id, "frame_index": frame.frame_index, "time_s": frame.time_s}
        look = self.looks.get(frame.image.shape)
        before, after = (
            other if other is not None and other.image.shape == frame.image.shape else None
            for other in (self.before, after)
        )
        self.before = frame
        signals = measure(frame.image, look.area if look else None, None if before is None else before.image)
        measured = {name: getattr(signals, name) for name in SIGNALS}
        refused = self.refusal(frame, look, signals) or self.brief_writing(frame, look, (before, after))
        if refused is None:
            picture = look.geometry.apply(look.overlays.apply(frame.image))
            hashed = perceptual_hash(picture)
            if self.seen.is_near_duplicate(hashed):
                refused = "near_duplicate", f"of an earlier frame, within {self.settings.duplicates.bits} bits"
        if refused is not None:
            reason, detail = refused
            self.rejected.append(place | {"reason": reason, "detail": detail} | measured)
            return
        if self.image_size is not None:
            self.pixels.append(frame_to_square(picture, self.image_size))
        encoded = self.settings.image.encode(picture)
        self.bytes += len(encoded)
        self.candidates.append(
            place
            | measured
            | {
                "image": {"bytes": encoded, "path": None},
                "procedure": self.task.video.procedure,
                "source": self.task.source,
                "patient_id": self.task.patient_id,
                "border_box": list(look.geometry.box),
                "border_circle": None if look.geometry.circle is None else list(look.geometry.circle),
                "perceptual_hash": hashed,
            }
        )

    def refusal(self, frame: SampledFrame, look: Look | None, signals: Signals) -> tuple[str, str] | None:
        """Reason and detail of a frame that is refused for itself, or None."""
        refused = rejection(signals, self.settings.filters)
        if refused is not None:
            return refused
        unsafe = self.why_unsafe(frame.image.shape, look)
        if unsafe is not None:
            self.unsafe[unsafe] += 1
            return "overlay", unsafe
        covered = frame_overlay(look.overlays.apply(frame.image), look.geometry, self.settings.overlays)
        return None if covered is None else ("overlay", covered)

    def brief_writing(self, frame: SampledFrame, look: Look, neighbours: tuple) -> tuple[str, str] | None:
        """Reason and detail of a frame that has a line of writing in common with a neighbour, or None."""
        if not self.settings.overlays.refuse_frames or min(frame.image.shape[:2]) < SMALLEST:
            return None
        near = [other for other in neighbours if other is not None]
        self.strokes = {
            one.frame_index: self.strokes[one.frame_index]
            if one.frame_index in self.strokes
            else stroke_signs(look.overlays.apply(one.image))
            for one in (frame, *near)
        }
        strokes = self.strokes[frame.frame_index]
        if any(common_lines(strokes, self.strokes[other.frame_index]) for other in near):
            return "overlay", "a line of writing, which the sampled frame before or after has too"
        return None

    def why_unsafe(self, shape: tuple[int, ...], look: Look | None) -> str | None:
        """Why a name might be legible on frames of a size: burned-in writing on them could not be looked for."""
        if look is None:
            return f"the film has fewer than {FEWEST_LOOKS} frames of {shape[1]}x{shape[0]} px to find writing on"
        if look.overlays.doubtful and not self.settings.overlays.keep_doubtful:
            return "the film is too still to find burned-in writing on it; overlays.keep_doubtful keeps such frames"
        return None

    def problems(self) -> list[str]:
        """What the user should know of the frames that were judged."""
        return [f"{count} frames left out: {why}" for why, count in sorted(self.unsafe.items())]

    def chunk(self, number: int, record: VideoRecord | None = None) -> Chunk:
        """Hands over what was judged since the last one."""
        pixels = np.stack(self.pixels) if self.pixels else None
        chunk = Chunk(self.task.video_id, number, self.candidates, pixels, self.rejected, record)
        self.candidates, self.rejected, self.pixels, self.bytes = [], [], [], 0
        return chunk


def lost_video(task: VideoTask, words: str) -> Iterator[Chunk]:
    """What stands for a video that ended its worker's process in every attempt."""
    failed = f"its decoder crashed or came to a stop in every attempt ({words})"
    yield Chunk(task.video_id, 0, record=task.record(failed=failed))
