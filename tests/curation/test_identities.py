"""Ids follow the content and the patient, need the salt, and stay the same when a run goes on."""

import csv
import hashlib
import hmac
import os
import stat
import threading
from pathlib import Path

import pytest

from zen_hf.curation.identities import Identities, IdentitySettings, keep_salt, private_folder
from zen_hf.curation.video_input import VideoInput


def film(folder: Path, name: str, content: bytes, **known) -> VideoInput:
    folder.mkdir(exist_ok=True, parents=True)
    path = folder / name
    path.write_bytes(content)
    return VideoInput(str(path), str(path), **known)


def opened(tmp_path: Path, **settings) -> Identities:
    return Identities.open(tmp_path / "out", IdentitySettings(**settings))


def ids(identities: Identities, *videos: VideoInput):
    return [identity for _, identity in identities.identify(list(videos))[0]]


def test_an_id_is_the_hmac_of_the_content(tmp_path):
    identities = opened(tmp_path)
    video = film(tmp_path, "Jane Doe.mp4", b"film", hospital="Nord", patient="Jane Doe")
    [identity] = ids(identities, video)
    salt = (tmp_path / "out.private" / "salt").read_bytes()
    digest = hashlib.sha256(b"film").hexdigest()
    assert len(salt) == 32 and identity.sha256 == digest
    for kind, value, given in (
        ("video", digest, identity.video_id),
        ("source", "Nord", identity.source),
        ("patient", "Nord\0Jane Doe", identity.patient_id),
    ):
        expected = hmac.new(salt, f"{kind}\0{value}".encode(), hashlib.sha256).hexdigest()
        assert given == kind[0] + expected[:16]


def test_the_salt_is_private_and_is_used_again(tmp_path):
    first = opened(tmp_path)
    assert opened(tmp_path).salt == first.salt == keep_salt(tmp_path / "out.private" / "salt", None)
    assert Identities.open(tmp_path / "other", IdentitySettings()).salt != first.salt
    assert stat.S_IMODE(os.stat(tmp_path / "out.private").st_mode) == 0o700
    assert stat.S_IMODE(os.stat(tmp_path / "out.private" / "salt").st_mode) == 0o600
    assert os.listdir(tmp_path / "out.private") == ["salt"]


def test_processes_that_start_together_agree_on_the_salt(tmp_path):
    salts, start = [], threading.Barrier(8)

    def begin():
        start.wait()
        salts.append(opened(tmp_path).salt)

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(salts) == 8 and len(set(salts)) == 1


def test_ids_follow_content_and_patient(tmp_path):
    identities = opened(tmp_path)
    a = film(tmp_path / "a", "1.mp4", b"A", hospital="Nord", patient="1")
    renamed = film(tmp_path / "z", "anything.avi", b"A", hospital="Nord", patient="1")
    second = film(tmp_path / "a", "2.mp4", b"B", hospital="Nord", patient=" 1 ")
    elsewhere = film(tmp_path / "a", "3.mp4", b"C", hospital="Süd", patient="1")
    alone = film(tmp_path / "a", "4.mp4", b"D")
    first, again, other, away, nobody = (ids(identities, video)[0] for video in (a, renamed, second, elsewhere, alone))
    assert first == again
    assert first.video_id != other.video_id and first.patient_id == other.patient_id and first.source == other.source
    assert away.patient_id != first.patient_id and away.source != first.source
    assert nobody.source == "unknown" and nobody.patient_id[1:] != nobody.video_id[1:]
    composed, decomposed = (film(tmp_path, "5.mp4", b"E", hospital=name) for name in ("S\u00fcd", "Su\u0308d"))
    assert ids(identities, composed) == ids(identities, decomposed)


def test_names_where_they_are_asked_for(tmp_path):
    identities = opened(tmp_path, video="name", patient="name", source="name")
    known = film(tmp_path, "Öp 1.v2.mp4", b"A", hospital="Nord", patient="P1")
    alone = film(tmp_path, "case2.mp4", b"B")
    [first, second] = ids(identities, known, alone)
    assert (first.video_id, first.patient_id, first.source) == ("Öp 1.v2", "P1", "Nord")
    assert (second.video_id, second.patient_id, second.source) == ("case2", "case2", "unknown")


def test_copies_count_once_and_what_cannot_be_read_is_a_problem(tmp_path):
    identities = opened(tmp_path)
    first = film(tmp_path / "a", "1.mp4", b"A", patient="P1")
    copy = film(tmp_path / "b", "1.mp4", b"A", patient="P2")
    gone = VideoInput(str(tmp_path / "gone.mp4"), "gone.mp4")
    last = film(tmp_path / "b", "2.mp4", b"B")
    found, problems = identities.identify([first, gone, copy, last])
    assert [video for video, _ in found] == [first, last]
    assert [problem.kind for problem in problems] == ["unreadable file", "the same content again"]
    assert problems[0].detail == "No such file or directory"
    assert problems[1].detail == f"as {first.name}; counted once, though with another patient"


@pytest.mark.parametrize("name", ["a\nb.mp4", ".mp4x.mp4", "-x.mp4", "a:b.mp4", "é" * 101 + ".mp4", "caf\udce9.mp4"])
def test_names_that_cannot_be_ids_are_refused_before_any_video_is_read(tmp_path, name):
    identities = opened(tmp_path, video="name")
    with pytest.raises(ValueError, match="cannot be an id"):
        identities.identify([VideoInput(f"/nowhere/{name}", name)])


def test_names_that_would_be_one_id_are_refused_with_both_paths(tmp_path):
    videos = [VideoInput("a/Case.mp4", "a/Case.mp4"), VideoInput("b/case.avi", "b/case.avi")]
    with pytest.raises(ValueError, match="'a/Case.mp4' and 'b/case.avi' would both be the video 'case'"):
        opened(tmp_path, video="name").identify(videos)
    videos = [
        VideoInput("a.mp4", "a", hospital="Nord", patient="1"),
        VideoInput("b.mp4", "b", hospital="Süd", patient="1"),
    ]
    with pytest.raises(ValueError, match="patient '1' is named by 'Nord' and by 'Süd'"):
        opened(tmp_path, patient="name").identify(videos)


def test_the_private_list_of_names(tmp_path):
    identities = opened(tmp_path)
    odd = film(tmp_path, 'a,"\nb.mp4', b"A", patient="Jane, Doe", hospital="Nord")
    with open(os.fsencode(tmp_path) + b"/caf\xe9.mp4", "wb") as file:
        file.write(b"B")
    raw = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4")
    found, _ = identities.identify([odd, VideoInput(raw, raw)])
    path = identities.write_names(found)
    identities.write_names(found)
    assert path == tmp_path / "out.private" / "names.csv" and stat.S_IMODE(os.stat(path).st_mode) == 0o600
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
        rows = list(csv.DictReader(file))
    expected = {identity.video_id: (video.path, video.patient, video.hospital) for video, identity in found}
    assert {row["video_id"]: (row["path"], row["patient"], row["hospital"]) for row in rows} == expected
    assert sorted(os.listdir(tmp_path / "out.private")) == ["names.csv", "salt"]
    assert not (tmp_path / "out").exists()


def test_an_output_without_its_private_folder_is_refused(tmp_path):
    (tmp_path / "out").mkdir()
    opened(tmp_path)  # an empty folder is nobody's
    (tmp_path / "out" / "README.md").write_text("frames")
    opened(tmp_path)
    (tmp_path / "out.private").rename(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="Put the private folder back beside the output"):
        opened(tmp_path)


def test_a_salt_of_several_hospitals(tmp_path):
    shared = tmp_path / "shared.salt"
    shared.write_bytes(b"0123456789abcdef")
    video = film(tmp_path, "1.mp4", b"A", patient="P1")
    one, two = (Identities.open(tmp_path / name, IdentitySettings(salt_file=str(shared))) for name in ("one", "two"))
    assert ids(one, video) == ids(two, video) != ids(opened(tmp_path), video)
    assert Identities.open(tmp_path / "one", IdentitySettings()).salt == one.salt
    with pytest.raises(ValueError, match="is not the salt that .* was begun with"):
        opened(tmp_path, salt_file=str(shared))
    shared.write_bytes(b"short")
    with pytest.raises(ValueError, match="has 5 bytes; expected at least 16"):
        Identities.open(tmp_path / "three", IdentitySettings(salt_file=str(shared)))
    with pytest.raises(FileNotFoundError, match="no file 'nowhere'"):
        Identities.open(tmp_path / "three", IdentitySettings(salt_file="nowhere"))


def test_settings_name_what_is_expected():
    with pytest.raises(ValueError, match="identities.patient is 'none'; expected 'hash' or 'name'"):
        IdentitySettings(patient="none")


def test_the_private_folder_lies_beside_the_output(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert private_folder(Path("out")) == tmp_path / "out.private"
    assert private_folder(Path("set/v1.0/")) == tmp_path / "set" / "v1.0.private"
