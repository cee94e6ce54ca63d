"""Videos are found once each, in a fixed order, whatever the folders, links, tables and datasets look like."""

import hashlib
import os
import pickle
import socket
from pathlib import Path

import pytest
from datasets import Dataset, DatasetDict, Video

from zen_hf.curation.inputs.video_input import InputSettings, find_videos


def write(path: Path, content: bytes = b"film") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def find(*paths, **settings):
    return find_videos(InputSettings(paths=[str(path) for path in paths], **settings))


def names(videos, root: Path) -> list[str]:
    return [os.path.relpath(video.path, root) for video in videos]


def kinds(problems) -> list[str]:
    return sorted(problem.kind for problem in problems)


def test_a_folder_gives_its_videos_in_order_and_counts_the_rest(tmp_path):
    for name in (
        "b/2.MKV",
        "b/10.mp4",
        "a.avi",
        "b.mov",
        "b/notes.txt",
        "b/old.txt",
        "cover.jpg",
        "README",
        ".hidden.mp4",
    ):
        write(tmp_path / name)
    write(tmp_path / ".trash" / "1.mp4")
    videos, problems = find(tmp_path)
    assert names(videos, tmp_path) == ["a.avi", "b/10.mp4", "b/2.MKV", "b.mov"]
    [others] = problems
    assert (others.kind, others.detail) == (
        "files of other kinds left",
        "5 files: 2 .txt, 1 .jpg, 1 hidden, 1 without an ending",
    )
    assert find(tmp_path) == (videos, problems)


def test_a_named_file_counts_whatever_its_ending(tmp_path):
    film = write(tmp_path / "film.dat")
    videos, problems = find(film)
    assert names(videos, tmp_path) == ["film.dat"] and not problems
    videos, _ = find(tmp_path, extensions=[".DAT"])
    assert names(videos, tmp_path) == ["film.dat"]


@pytest.mark.parametrize(
    "pattern, expected",
    [
        ("*.mp4", ["0.mp4"]),
        ("**/*.mp4", ["0.mp4", "a/1.mp4", "a/deep/2.mp4", "b/3.mp4"]),
        ("a/**", ["a/1.mp4", "a/deep/2.mp4"]),
        ("*/[13].mp4", ["a/1.mp4", "b/3.mp4"]),
        ("[ab]", ["a/1.mp4", "a/deep/2.mp4", "b/3.mp4"]),
        ("**/deep", ["a/deep/2.mp4"]),
        ("**/deep/**/*.mp4", ["a/deep/2.mp4"]),
    ],
)
def test_globs(tmp_path, monkeypatch, pattern, expected):
    for name in ("0.mp4", "a/1.mp4", "a/deep/2.mp4", "b/3.mp4", "b/c.txt"):
        write(tmp_path / name)
    videos, _ = find(tmp_path / pattern)
    assert names(videos, tmp_path) == expected
    monkeypatch.chdir(tmp_path)
    assert [video.path for video in find(pattern)[0]] == expected


def test_a_file_whose_name_looks_like_a_glob_is_a_file(tmp_path):
    write(tmp_path / "OR 1.mp4")
    strange = write(tmp_path / "OR [1].mp4")
    assert names(find(strange)[0], tmp_path) == ["OR [1].mp4"]


@pytest.mark.parametrize(
    "name",
    [
        "Öperation ñ 手術.mp4",
        "two\nlines.mp4",
        " spaces .mp4",
        "-rf.mp4",
        "'; rm.mp4",
        "tab\t.mp4",
        "x" * 250 + ".mp4",
    ],
)
def test_names_of_every_kind(tmp_path, name):
    write(tmp_path / name)
    [video], problems = find(tmp_path)
    assert Path(video.path).name == name and not problems
    assert video.sha256() == hashlib.sha256(b"film").hexdigest() and video.size_bytes == 4


def test_a_name_that_is_no_utf8(tmp_path):
    path = os.fsencode(tmp_path) + b"/caf\xe9.mp4"
    with open(path, "wb") as file:
        file.write(b"film")
    [video], _ = find(tmp_path)
    assert os.fsencode(video.path) == path and video.sha256() == hashlib.sha256(b"film").hexdigest()


def test_loops_of_links_end_and_are_reported(tmp_path):
    write(tmp_path / "z" / "1.mp4")
    (tmp_path / "z" / "up").symlink_to(tmp_path)
    (tmp_path / "a").symlink_to(tmp_path / "z")
    for number in range(8):  # every folder leads to every other: 8! ways
        (tmp_path / f"f{number}").mkdir()
        for other in range(8):
            (tmp_path / f"f{number}" / f"to{other}").symlink_to(tmp_path / f"f{other}")
    (tmp_path / "self.mp4").symlink_to(tmp_path / "self.mp4")
    for paths in ((tmp_path,), (tmp_path / "**" / "*.mp4",)):
        videos, problems = find(*paths)
        assert names(videos, tmp_path) == ["z/1.mp4"]
        assert kinds(problems) == ["broken link"] + ["link to a folder that is read already"] * 66


def test_a_link_to_another_disk_is_followed(tmp_path):
    write(tmp_path / "archive" / "1.mp4")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "archive").symlink_to(tmp_path / "archive")
    videos, problems = find(tmp_path / "in")
    assert names(videos, tmp_path) == ["in/archive/1.mp4"] and not problems


def test_what_is_no_file_is_a_problem(tmp_path):
    write(tmp_path / "1.mp4")
    write(tmp_path / "empty.mp4", b"")
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder.mp4").mkdir()
    server = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(tmp_path)  # names of sockets are short
    try:
        server.bind("socket.mp4")
    finally:
        os.chdir(here)
    videos, problems = find(tmp_path, tmp_path / "folder.mp4")
    server.close()
    assert names(videos, tmp_path) == ["1.mp4"]
    assert (
        kinds(problems)
        == ["broken link", "empty file"] + ["empty folder"] * 2 + ["folder without a video"] + ["not a file"] * 2
    )
    assert "a named pipe" in str(problems) and "a socket" in str(problems)


def test_an_unreadable_folder_is_a_problem(tmp_path, monkeypatch):
    write(tmp_path / "a" / "1.mp4")
    write(tmp_path / "b" / "2.mp4")
    scandir = os.scandir

    def refuse(folder):
        if str(folder).endswith("a"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    videos, problems = find(tmp_path)
    assert names(videos, tmp_path) == ["b/2.mp4"]
    assert [(problem.kind, problem.detail) for problem in problems] == [("unreadable folder", "Permission denied")]


def test_a_file_with_two_names_is_one_video(tmp_path):
    film = write(tmp_path / "a" / "1.mp4")
    write(tmp_path / "b" / "1.mp4", b"other")  # the same name is no reason
    (tmp_path / "b" / "link.mp4").symlink_to(film)
    videos, problems = find(tmp_path / "a", tmp_path / "b", film)
    assert names(videos, tmp_path) == ["a/1.mp4", "b/1.mp4"]
    assert kinds(problems) == ["files that are named again", "the same file again"]
    assert str(film) in problems[0].detail and problems[1].detail.startswith("1, such as")


def test_a_table_says_more_than_the_folder_around_it(tmp_path, monkeypatch):
    write(tmp_path / "videos" / "1.mp4")
    write(tmp_path / "videos" / "2.mp4")
    write(tmp_path / "videos" / "more" / "3.mp4")
    table = tmp_path / "list.csv"
    table.write_text(
        "\ufeffVideo; patient ;hospital;procedure\nvideos/1.mp4;P 1;Nord;\n\nvideos/more;P 2;;colectomy\nvideos/9.mp4;;;\n",
        encoding="utf-8",
    )
    videos, problems = find(tmp_path / "videos", table, procedure="cholecystectomy", hospital="Süd")
    known = {Path(video.path).name: (video.patient, video.hospital, video.procedure) for video in videos}
    assert known == {
        "1.mp4": ("P 1", "Nord", "cholecystectomy"),
        "3.mp4": ("P 2", "Süd", "colectomy"),
        "2.mp4": ("", "Süd", "cholecystectomy"),
    }
    assert kinds(problems) == ["files that are named again", "missing file"]
    monkeypatch.chdir("/")  # relative paths are relative to the table
    assert find(tmp_path / "videos", table, procedure="cholecystectomy", hospital="Süd")[0] == videos


def test_a_second_row_of_a_file_says_what_the_first_does_not(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"A")
    rows = "video,procedure,hospital,patient\na.mp4,,North,\na.mp4,colectomy,north,P1\n"
    (tmp_path / "list.csv").write_text(rows)
    [video], _ = find_videos(InputSettings([str(tmp_path / "list.csv")]))
    assert (video.procedure, video.hospital, video.patient) == ("colectomy", "North", "P1")
    (tmp_path / "list.csv").write_text(rows + "a.mp4,,,P2\n")
    with pytest.raises(ValueError, match="patient of .* is 'P2', but was 'P1'"):
        find_videos(InputSettings([str(tmp_path / "list.csv")]))


def test_names_in_tables_keep_separators_and_line_breaks(tmp_path):
    write(tmp_path / "a,b\n\u2028c.mp4")
    (tmp_path / "list.csv").write_text('video,patient\n"a,b\n\u2028c.mp4",7\n', encoding="utf-8")
    [video], problems = find(tmp_path / "list.csv")
    assert Path(video.path).name == "a,b\n\u2028c.mp4" and video.patient == "7" and not problems


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "empty; expected a first line such as video,procedure,hospital,patient"),
        (b"video,patiant\n1.mp4,3\n", "unknown column 'patiant'; did you mean 'patient'?"),
        (b"video,date\n1.mp4,3\n", "unknown column 'date'; expected video"),
        (b"patient\n3\n", "no column 'video' but patient"),
        (b"video,video\n1.mp4,1.mp4\n", "a column stands twice"),
        (b"video,patient\n1.mp4\n", "line 2: 1 fields, but the first line has 2"),
        (b"video,patient\n,3\n", "line 2: no video"),
        (b"video,patient\n", "no row below the first line"),
        (b'video,patient\n"1.mp4,3\n', "line 2: not CSV"),
        ("video\nÄ.mp4\n".encode("latin-1"), "not UTF-8 .*save the table as 'CSV UTF-8'"),
        ("video\n1.mp4\n".encode("utf-16"), "not UTF-8"),
        (b"video,patient\n1.mp4,3\n1.mp4,4\n", "patient of .* is '4', but was '3'"),
    ],
)
def test_malformed_tables_are_refused_with_their_line(tmp_path, content, words):
    write(tmp_path / "1.mp4")
    write(tmp_path / "list.csv", content)
    with pytest.raises(ValueError, match=words):
        find(tmp_path / "list.csv")


def test_wrong_settings_are_errors(tmp_path):
    write(tmp_path / "notes.txt")
    with pytest.raises(ValueError, match="no input: give paths"):
        find()
    with pytest.raises(FileNotFoundError, match="no file or folder '.*videoz'; check the path"):
        find(tmp_path / "videoz")
    with pytest.raises(FileNotFoundError, match="no file matches"):
        find(tmp_path / "*.mp4")
    with pytest.raises(FileNotFoundError, match="no file matches"):
        find(tmp_path / "nowhere" / "**")
    with pytest.raises(FileNotFoundError, match="no file '.*list.csv'"):
        find(tmp_path / "list.csv")
    with pytest.raises(FileNotFoundError, match="no video in .*; found: .*files of other kinds left 1 file: 1 .txt"):
        find(tmp_path)
    with pytest.raises(ValueError, match="extensions is"):
        InputSettings(extensions=[])
    with pytest.raises(ValueError, match="procedure is empty"):
        InputSettings(procedure=" ")
    with pytest.raises(ValueError, match="none of them empty"):
        InputSettings(paths=[""])


FILMS = [b"film 0", b"film 1", b"film 2"]


@pytest.fixture
def rows(tmp_path) -> Dataset:
    """Three films as bytes, the last as a path."""
    path = str(write(tmp_path / "film2.mp4", FILMS[2]))
    columns = {
        "video": [
            {"bytes": FILMS[0], "path": "a.mp4"},
            {"bytes": FILMS[1], "path": None},
            {"bytes": None, "path": path},
        ],
        "patient": ["P1", None, "P1"],
        "hospital": ["Nord", "Süd", None],
        "frames": [1, 2, 3],
    }
    return Dataset.from_dict(columns).cast_column("video", Video(decode=False))


@pytest.mark.parametrize("kind", ["parquet", "folder of parquet", "saved", "saved splits"])
def test_the_rows_of_a_dataset(tmp_path, rows, kind):
    target = tmp_path / "set"
    if kind == "parquet":
        target = tmp_path / "set.parquet"
        rows.to_parquet(target, batch_size=2)  # two row groups
    elif kind == "folder of parquet":
        target.mkdir()
        rows.select([0]).to_parquet(target / "0.parquet")
        rows.select([1, 2]).to_parquet(target / "1.parquet")
    elif kind == "saved":
        rows.save_to_disk(target)
    else:
        DatasetDict({"test": rows.select([0]), "train": rows}).save_to_disk(target)
    videos, problems = find_videos(InputSettings(dataset=str(target), procedure="colectomy", hospital="West"))
    assert not problems and len({video.path for video in videos}) == len({video.name for video in videos}) == 3
    assert [(video.patient, video.hospital, video.procedure) for video in videos] == [
        ("P1", "Nord", "colectomy"),
        ("", "Süd", "colectomy"),
        ("P1", "West", "colectomy"),
    ]
    for video, film in zip(pickle.loads(pickle.dumps(videos)), FILMS, strict=True):
        source = video.open()
        content = Path(source).read_bytes() if isinstance(source, str) else source.read()
        assert content == film and video.sha256() == hashlib.sha256(film).hexdigest() and video.size_bytes == 6


def test_wrong_datasets_are_errors(tmp_path, rows):
    rows.save_to_disk(tmp_path / "set")
    DatasetDict({"test": rows}).save_to_disk(tmp_path / "splits")
    rows.rename_column("video", "clip").to_parquet(tmp_path / "set.parquet")
    write(tmp_path / "broken.parquet", b"PAR1")
    write(tmp_path / "shards" / "test-00000-of-00001.parquet", b"PAR1")
    for dataset, words in (
        ("nowhere", "no folder or Parquet file"),
        ("shards", "no split 'train' but test"),
        ("splits", "no split 'train' but test"),
        ("set.parquet", "no column 'video' but clip"),
        ("broken.parquet", "not a readable Parquet file"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=words):
            find_videos(InputSettings(dataset=str(tmp_path / dataset)))


def test_a_row_without_a_video_names_itself(tmp_path):
    rows = Dataset.from_dict({"video": [{"bytes": b"film", "path": None}, None]}, features=None)
    rows.to_parquet(tmp_path / "set.parquet")
    videos, _ = find_videos(InputSettings(dataset=str(tmp_path / "set.parquet")))
    with pytest.raises(ValueError, match="set.parquet, row 1: no video in this row"):
        videos[1].sha256()
