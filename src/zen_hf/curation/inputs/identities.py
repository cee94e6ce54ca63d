# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Ids of videos, patients and hospitals that tell nothing to whoever has not the private folder beside the output.

```text
OUT.private/salt        32 random bytes, made once; whoever has them can test a guess of a name
OUT.private/names.csv   video_id, path, patient, hospital
```

An id is the start of HMAC-SHA256(salt, kind and value); names are hashed in small letters, so `North` and `north` are one
hospital. A plain hash would not do: whoever lists all hospitals, or all
patient numbers, finds the one that has a given hash.
"""

import csv
import hmac
import os
import secrets
import stat
import unicodedata
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.progress import track

from zen_hf.atomic_files import atomic_file

from .video_input import InputProblem, VideoInput, alike

SALT_BYTES = 32
DIGITS = 16  # of an id, hexadecimal: two of a million values share one with probability 3e-8
LONGEST_NAME = 200  # bytes of a name that becomes an id, and so a folder; file systems allow 255
READERS = 4  # files that are hashed at the same time
COLUMNS = ("video_id", "path", "patient", "hospital")


@dataclass
class IdentitySettings:
    """How videos, patients and hospitals are called in the output.

    Attributes:
        video: `"hash"`, a salted hash of the video's bytes, so that a renamed file keeps its id; or `"name"`, the file's
            name without its ending.
        patient: `"hash"`, a salted hash of hospital and patient, or of the video where no patient is known; or `"name"`.
        source: `"hash"`, a salted hash of the hospital; or `"name"`. Where no hospital is known: `unknown`.
        salt_file: File with the salt, at least 16 bytes, for ids that agree between runs or hospitals; None for a salt of
            this output's own.
    """

    video: str = "hash"
    patient: str = "hash"
    source: str = "hash"
    salt_file: str | None = None

    def __post_init__(self):
        for name in ("video", "patient", "source"):
            if getattr(self, name) not in ("hash", "name"):
                raise ValueError(f"identities.{name} is {getattr(self, name)!r}; expected 'hash' or 'name'")


@dataclass(frozen=True)
class Identity:
    """What the output calls a video.

    Attributes:
        video_id: The video.
        patient_id: Its patient.
        source: Its hospital.
        sha256: Of its bytes.
    """

    video_id: str
    patient_id: str
    source: str
    sha256: str


@dataclass(frozen=True)
class Identities:
    """Gives the ids.

    Attributes:
        private: Private folder of the output.
        salt: What the hashes start from.
        settings: How things are called.
    """

    private: Path
    salt: bytes
    settings: IdentitySettings

    @classmethod
    def open(cls, output: Path, settings: IdentitySettings) -> "Identities":
        """Ids for an output, with the salt of earlier runs if there were any.

        Must be called before anything is written to the output.

        Raises:
            FileNotFoundError: The salt file does not exist.
            PermissionError: Others can read the private folder, and it is not ours to change.
            ValueError: The output has no private folder any more, or the salt is too short or another one than before.
        """
        private = private_folder(output)
        salt_file = private / "salt"
        if not salt_file.is_file() and Path(output).is_dir() and any(Path(output).iterdir()):
            if not (Path(output) / "manifest.json").is_file():
                raise ValueError(f"{output} holds files that are no curated dataset; choose a new folder for it")
            raise ValueError(
                f"{output} holds a dataset, but {salt_file} is missing: its videos would get other ids. Put the private "
                "folder back beside the output, or choose another output"
            )
        given = read_salt(settings.salt_file) if settings.salt_file is not None else None
        make_private(private)
        salt = keep_salt(salt_file, given)
        if given not in (None, salt):
            raise ValueError(
                f"{settings.salt_file} is not the salt that {output} was begun with ({salt_file}): its videos would get "
                "other ids. Leave identities.salt_file out, or choose another output"
            )
        return cls(private, salt, settings)

    def of(self, video: VideoInput, sha256: str) -> Identity:
        """The ids of one video with the given hash of its bytes."""
        by_name, hospital, patient = self.settings, plain(video.hospital), plain(video.patient)
        same_hospital, same_patient = alike(hospital), alike(patient)
        video_id = stem_of(video) if by_name.video == "name" else self.hashed("video", sha256)
        if not hospital:
            source = "unknown"
        else:
            source = hospital if by_name.source == "name" else self.hashed("source", same_hospital)
        if not patient:
            patient_id = self.hashed("patient", "of video", sha256) if by_name.patient == "hash" else video_id
        else:  # patient 1 of one hospital is not patient 1 of another
            patient_id = patient if by_name.patient == "name" else self.hashed("patient", same_hospital, same_patient)
        return Identity(video_id, patient_id, source, sha256)

    def identify(
        self, videos: list[VideoInput], sha256_of: Callable[[VideoInput], str] = VideoInput.sha256
    ) -> tuple[list[tuple[VideoInput, Identity]], list[InputProblem]]:
        """The ids of all videos; of several with the same bytes, the first counts, with what is known of any.

        Args:
            videos: The videos, in the order in which they count.
            sha256_of: Gives the hash of a video's bytes; several are asked for at the same time.

        Returns:
            The videos with their ids, and those that are left out, since they cannot be read or are copies, with remarks.

        Raises:
            ValueError: Copies are of different patients; or names were asked for as ids, and two videos or patients share
                one, or one cannot be an id.
        """
        self.check_names(videos)
        found_as: dict[str, VideoInput] = {}
        problems = []
        with ThreadPoolExecutor(READERS) as pool:
            hashes = pool.map(lambda video: hash_or_problem(video, sha256_of), videos)
            bar = track(hashes, "reading inputs", len(videos), console=Console(stderr=True), transient=True)
            for video, found in zip(videos, bar, strict=True):
                if isinstance(found, InputProblem):
                    problems.append(found)
                    continue
                first = found_as.setdefault(found, video)
                if first is not video:
                    found_as[found] = with_copy(first, video)
                    problems.append(copy_problem(video, first))
        self.check_names(list(found_as.values()))  # again, with what copies say
        problems += doubtful_patients(found_as.values())
        return [(video, self.of(video, sha256)) for sha256, video in found_as.items()], problems

    def write_names(self, videos: list[tuple[VideoInput, Identity]], file: str = "names.csv") -> Path:
        """Writes which id is which video, into the private folder, whole or not at all.

        It may be called when the dataset stands, and again: what was written before stays until the new file is whole.
        """
        make_private(self.private)
        path = self.private / file
        rows = [(identity.video_id, video.path, video.patient, video.hospital) for video, identity in videos]
        with atomic_file(path) as temporary:
            with open(_private_file(temporary), "w", encoding="utf-8", errors="surrogateescape", newline="") as names:
                table = csv.writer(names)
                table.writerow(COLUMNS)
                table.writerows(sorted(rows))
        return path

    def check_names(self, videos: list[VideoInput]) -> None:
        """Refuses names that cannot be ids, before any video is read.

        Raises:
            ValueError: As `identify`.
        """
        if self.settings.video == "name":
            taken: dict[str, VideoInput] = {}
            for video in videos:
                other = taken.setdefault(stem_of(video).casefold(), video)
                if other is not video:
                    raise ValueError(
                        f"{other.name!r} and {video.name!r} would both be the video {stem_of(video)!r}; rename one, or "
                        "set identities.video=hash"
                    )
        for key in ("patient", "source"):
            if getattr(self.settings, key) == "name":
                check_spelling([plain(video.patient if key == "patient" else video.hospital) for video in videos], key)
        if self.settings.patient == "name":
            hospitals: dict[str, str] = {}
            for video in videos:
                patient, hospital = plain(video.patient), plain(video.hospital)
                if patient and alike(hospitals.setdefault(patient, hospital)) != alike(hospital):
                    raise ValueError(
                        f"patient {patient!r} is named by {hospitals[patient]!r} and by {hospital!r}, and would be one "
                        "patient; give them different names, or set identities.patient=hash"
                    )

    def hashed(self, kind: str, *values: str) -> str:
        """The id of a value: the first letter of its kind and 16 hexadecimal digits."""
        message = "\0".join((kind, *values)).encode("utf-8", "surrogateescape")
        return kind[0] + hmac.new(self.salt, message, "sha256").hexdigest()[:DIGITS]


def private_folder(output: Path) -> Path:
    """The folder beside an output that holds what must not be shared."""
    output = Path(output).absolute()
    return output.with_name(f"{output.name}.private")


def read_salt(file: str) -> bytes:
    """The bytes of a salt file."""
    if not Path(file).is_file():
        raise FileNotFoundError(
            f"identities.salt_file: no file {file!r}; copy the salt of the other run, or leave it out"
        )
    salt = Path(file).read_bytes()
    if len(salt) < 16:
        raise ValueError(f"identities.salt_file {file!r} has {len(salt)} bytes; expected at least 16 random ones")
    return salt


def make_private(folder: Path) -> None:
    """Makes a folder, or one that is there already, such as one put back from a backup, its owner's alone.

    Raises:
        PermissionError: It is another user's, and others can read it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if stat.S_IMODE(folder.stat().st_mode) != 0o700:
        try:
            folder.chmod(0o700)
        except PermissionError as error:
            raise PermissionError(
                f"{folder} holds names and can be read by others, but is not ours to change; have its owner run "
                "`chmod 700` on it, or choose another output"
            ) from error


def keep_salt(file: Path, given: bytes | None) -> bytes:
    """The salt of a private folder, made if it is not there; the first of several processes decides."""
    if not file.is_file():
        partial = file.with_name(f"salt.{secrets.token_hex(4)}.partial")
        with open(_private_file(partial), "wb") as new:
            new.write(given or secrets.token_bytes(SALT_BYTES))
            new.flush()
            os.fsync(new.fileno())  # ids that outlive their salt could never be made again
        try:
            os.link(partial, file)  # unlike a rename, fails if another process was first
        except FileExistsError:
            pass
        finally:
            partial.unlink()
    return file.read_bytes()


def plain(name: str) -> str:
    """A name as it is compared: without spaces around it, in the normal form in which an ä is one sign."""
    return unicodedata.normalize("NFC", name).strip()


def stem_of(video: VideoInput) -> str:
    """The name of a video's file without its ending, if it can be the name of a folder everywhere.

    Raises:
        ValueError: It cannot.
    """
    stem = unicodedata.normalize("NFC", Path(video.path).stem)
    printable = stem.isprintable() and not any(0xD800 <= ord(sign) <= 0xDFFF for sign in stem)
    if not printable or set(stem) & set('\\/:*?"<>|') or stem[0] in ".- " or len(stem.encode()) > LONGEST_NAME:
        raise ValueError(
            f"{video.name!r}: its name cannot be an id (control or special signs, a leading dot, dash or space, or over "
            f"{LONGEST_NAME} bytes); rename the file, or set identities.video=hash"
        )
    return stem


def check_spelling(names: Iterable[str], key: str) -> None:
    """Refuses names that differ by capital letters alone where they become ids."""
    spelled: dict[str, str] = {}
    for name in names:
        first = spelled.setdefault(alike(name), name)
        if first != name:
            raise ValueError(
                f"{first!r} and {name!r} would be two ids; write them alike in all tables, or set identities.{key}=hash"
            )


def with_copy(first: VideoInput, copy: VideoInput) -> VideoInput:
    """A video with what only a copy of it says of patient, hospital and procedure.

    Raises:
        ValueError: The two are of different patients: the film would stand for one of them, and the other's films could
            be in another split.
    """
    for key in ("patient", "hospital") if first.patient or copy.patient else ():
        one, other = getattr(first, key), getattr(copy, key)
        if one and other and alike(one) != alike(other):
            raise ValueError(
                f"{first.name!r} and {copy.name!r} hold the same film, but their {key} is {one!r} and {other!r} (names "
                "of further copies count too); correct the rows of the table, or remove one of the files"
            )
    procedure = copy.procedure if first.procedure == "unknown" else first.procedure
    known = {"patient": first.patient or copy.patient, "hospital": first.hospital or copy.hospital}
    return replace(first, procedure=procedure, **known)


def doubtful_patients(videos: Iterable[VideoInput]) -> list[InputProblem]:
    """Remarks about patients who are named with and without a hospital: they may be the same, but count as two."""
    with_hospital: dict[str, VideoInput] = {}
    without: dict[str, VideoInput] = {}
    for video in videos:
        if alike(video.patient):
            (with_hospital if alike(video.hospital) else without).setdefault(alike(video.patient), video)
    return [
        InputProblem(
            without[patient].name,
            "patient named with and without a hospital",
            f"{plain(without[patient].patient)}, of {plain(with_hospital[patient].hospital)} in "
            f"{with_hospital[patient].name}: counted as two patients; name the hospital everywhere or nowhere",
        )
        for patient in sorted(with_hospital.keys() & without.keys())
    ]


def copy_problem(video: VideoInput, first: VideoInput) -> InputProblem:
    """What is said of a video with the same bytes as an earlier one."""
    said = [(key, getattr(first, key), getattr(video, key)) for key in ("hospital", "procedure")]
    differ = [
        key
        for key, one, other in said
        if one and other and alike(one) != alike(other) and "unknown" not in (one, other)
    ]
    other = f", though with another {' and '.join(differ)}" if differ else ""
    return InputProblem(video.name, "the same content again", f"as {first.name}; counted once{other}")


def hash_or_problem(video: VideoInput, sha256_of: Callable[[VideoInput], str]) -> str | InputProblem:
    """The hash of a video's bytes, or why it cannot be read."""
    try:
        return sha256_of(video)
    except (OSError, ValueError) as error:  # ValueError: a dataset's row without a video
        words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return InputProblem(video.name, "unreadable file" if video.row is None else "unreadable row", words)


def _private_file(path: Path) -> int:
    """A new file that only its owner can read."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
