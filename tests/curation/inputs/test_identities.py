"""Ids follow the content and the patient, need the salt, and stay the same when a run goes on."""

import csv
import hashlib
import hmac
import os
import stat
import threading
from pathlib import Path

import pytest

from zen_hf.curation.inputs.identities import Identities, IdentitySettings, keep_salt, private_folder
from zen_hf.curation.inputs.video_input import VideoInput


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
        ("source", "nord", identity.source),
        ("patient", "nord\0jane doe", identity.patient_id),
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


def test_a_private_folder_that_was_put_back_is_private_again(tmp_path):
    identities = opened(tmp_path)
    private = tmp_path / "out.private"
    private.chmod(0o755)
    opened(tmp_path)
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    private.chmod(0o755)
    identities.write_names([])
    assert stat.S_IMODE(private.stat().st_mode) == 0o700


def test_a_private_folder_of_somebody_else_is_refused(tmp_path, monkeypatch):
    opened(tmp_path)
    (tmp_path / "out.private").chmod(0o755)

    def refused(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refused)
    with pytest.raises(PermissionError, match="out.private holds names and can be read by others"):
        opened(tmp_path)


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
    first = film(tmp_path / "a", "1.mp4", b"A", procedure="colectomy")
    copy = film(tmp_path / "b", "1.mp4", b"A", procedure="hysterectomy")
    gone = VideoInput(str(tmp_path / "gone.mp4"), "gone.mp4")
    last = film(tmp_path / "b", "2.mp4", b"B")
    found, problems = identities.identify([first, gone, copy, last])
    assert [video for video, _ in found] == [first, last]
    assert [problem.kind for problem in problems] == ["unreadable file", "the same content again"]
    assert problems[0].detail == "No such file or directory"
    assert problems[1].detail == f"as {first.name}; counted once, though with another procedure"


@pytest.mark.parametrize(
    "one, other, words",
    [
        ({"patient": "P1"}, {"patient": "P2"}, "patient is 'P1' and 'P2'"),
        (
            {"patient": "1", "hospital": "Nord"},
            {"patient": "1", "hospital": "Süd"},
            "hospital is 'Nord' and 'Süd'",
        ),
        ({"hospital": "Nord"}, {"patient": "1", "hospital": "Süd"}, "hospital is 'Nord' and 'Süd'"),
    ],
)
def test_copies_of_different_patients_are_an_error_with_both_names(tmp_path, one, other, words):
    first, copy = (film(tmp_path / name, "1.mp4", b"A", **known) for name, known in (("a", one), ("b", other)))
    with pytest.raises(ValueError, match=f"a/1.mp4' and '.*b/1.mp4' hold the same film, but their {words}"):
        opened(tmp_path).identify([first, copy])


def test_a_copy_says_what_the_first_does_not(tmp_path):
    known = {"patient": "P1", "hospital": "Nord", "procedure": "colectomy"}
    first = film(tmp_path / "a", "1.mp4", b"A")
    copies = [film(tmp_path / "b", f"{key}.mp4", b"A", **{key: value}) for key, value in known.items()]
    other = film(tmp_path / "c", "2.mp4", b"B", **known)
    [(video, identity), (_, same)], problems = opened(tmp_path).identify([first, *copies, other])
    assert (video.name, video.patient, video.hospital, video.procedure) == (first.name, *known.values())
    assert identity.patient_id == same.patient_id and identity.source == same.source
    assert [problem.detail for problem in problems] == [f"as {first.name}; counted once"] * 3
    wrong = film(tmp_path / "d", "1.mp4", b"A", patient="P2")
    with pytest.raises(ValueError, match="patient is 'P1' and 'P2'"):
        opened(tmp_path).identify([first, *copies, wrong])


def test_capital_letters_make_no_other_hospital_or_patient(tmp_path):
    one = film(tmp_path, "1.mp4", b"A", hospital="North", patient="Case 1")
    two = film(tmp_path, "2.mp4", b"B", hospital="north ", patient="CASE 1")
    copy = film(tmp_path, "3.mp4", b"A", hospital="NORTH", patient="case 1")
    found, problems = opened(tmp_path).identify([one, two, copy])
    first, second = (identity for _, identity in found)
    assert (first.patient_id, first.source) == (second.patient_id, second.source)
    assert [problem.detail for problem in problems] == [f"as {one.name}; counted once"]
    for key, words in (("patient", "'Case 1' and 'CASE 1'"), ("source", "'North' and 'north'")):
        with pytest.raises(ValueError, match=f"{words} would be two ids; .* set identities.{key}=hash"):
            opened(tmp_path, **{key: "name"}).identify([one, two])


def test_a_patient_with_and_without_a_hospital_has_a_remark(tmp_path):
    videos = [
        film(tmp_path, "1.mp4", b"A", hospital="North", patient="p1"),
        film(tmp_path, "2.mp4", b"B", patient="P1"),
        film(tmp_path, "3.mp4", b"C", patient="P2"),
        film(tmp_path, "4.mp4", b"D", hospital="North"),
    ]
    found, problems = opened(tmp_path).identify(videos)
    assert len({identity.patient_id for _, identity in found}) == 4
    assert [(problem.name, problem.kind) for problem in problems] == [
        (videos[1].name, "patient named with and without a hospital")
    ]
    assert problems[0].detail.startswith(f"P1, of North in {videos[0].name}: counted as two patients")


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


def test_a_list_of_names_that_cannot_be_written_leaves_the_earlier_one(tmp_path, monkeypatch):
    identities = opened(tmp_path)
    found, _ = identities.identify([film(tmp_path, "1.mp4", b"A")])
    before = identities.write_names(found).read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        identities.write_names([])
    assert sorted(os.listdir(tmp_path / "out.private")) == ["names.csv", "salt"]
    assert (tmp_path / "out.private" / "names.csv").read_bytes() == before


def test_an_output_without_its_private_folder_is_refused(tmp_path):
    (tmp_path / "out").mkdir()
    opened(tmp_path)  # an empty folder is nobody's
    (tmp_path / "out" / "README.md").write_text("frames")
    opened(tmp_path)
    (tmp_path / "out.private").rename(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="holds files that are no curated dataset"):  # such as the films themselves
        opened(tmp_path)
    (tmp_path / "out" / "manifest.json").write_text("{}")
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
