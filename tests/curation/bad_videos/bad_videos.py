"""Damaged, odd and hostile files and names, as a hospital's disk holds them: `make_bad_videos(folder)`.

Each case is one file (or link, pipe, folder ...) with what must come of it:

* `frames`: there is a picture in it that every player shows, so at least one frame;
* `refused`: no video, so a reason in words and no frame;
* `either`: versions of ffmpeg, of its encoders or users of the machine differ in it: frames or a reason, and nothing
  else. Each such case says why.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from curation.bad_videos.case import Case
from curation.bad_videos.damaged_files import damaged, no_videos, playlists, truncated, wrong_headers
from curation.bad_videos.odd_names import no_files, odd_names
from curation.bad_videos.odd_streams import odd_pictures, odd_times, without_pictures


def make_bad_videos(folder: Path) -> list[Case]:
    """Write all cases below a folder."""
    made = [case for group in groups() for case in group()]
    for case in made:
        path = folder / case.name
        path.parent.mkdir(parents=True, exist_ok=True)
        case.make(path)
    return made


def groups() -> tuple[Callable[[], Iterator[Case]], ...]:
    """All cases by what is wrong with them, each case under a name of its own."""
    return (
        no_videos,
        playlists,
        truncated,
        damaged,
        wrong_headers,
        without_pictures,
        odd_times,
        odd_pictures,
        odd_names,
        no_files,
    )
