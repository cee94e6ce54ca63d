"""Odd names, and what is no file at all."""

import functools
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from curation.bad_videos.case import Case
from data.films import write_film

NAMES = (
    "Öperation 手術 ñ.mp4",
    "Cafe\u0301.mp4",
    "two\nlines.mp4",
    "\r\t\x1b[31m.mp4",
    " spaces .mp4",
    "-vf.mp4",
    "--help.mp4",
    "quotes ' \" `.mp4",
    "[bold]markup[/bold].mp4",
    ":skull: ${HOME} $(id) ; rm.mp4",
    "percent %03d %s %n.mp4",
    "back\\slash.mp4",
    "concat:a|b.mp4",
    "http:__host.mp4",
    "pipe:0.mp4",
    "stars * ? [x].mp4",
    "right\u202eto left.mp4",
    "invisible\u200b\u2028.mp4",
    "🫁 .mp4",
    "CON.mp4",
    "mp4.mp4.mp4",
    "many.dots.in.a.name.MP4",
    "x" * 251 + ".mp4",
    "caf\udce9.mp4",
    "/".join(["deep"] * 40) + "/film.mp4",
)


def odd_names() -> Iterator[Case]:
    """Sound films, each its own, whose names are the trouble."""
    for number, name in enumerate(NAMES):
        numbers = tuple(range(100 * number, 100 * number + 12))
        yield Case(f"name {number}/{name}", functools.partial(write_film, numbers=numbers), "frames")
    for number in (1, 2, 3):
        numbers = range(5000 + 100 * number, 5012 + 100 * number)
        yield Case(f"folder {number}/case.mp4", functools.partial(write_film, numbers=numbers), "frames")
    for number in (1, 2):
        yield Case(f"copies/{number}.mp4", functools.partial(write_film, numbers=range(6000, 6012)), "frames")


def no_files() -> Iterator[Case]:
    """What stands in a folder and is no file."""
    yield Case("no file/film behind a link.mp4", linked, "frames")
    yield Case("no file/second name.mp4", hard_linked, "frames")
    yield Case("no file/link to nothing.mp4", lambda path: path.symlink_to("nowhere.mp4"), "refused")
    yield Case("no file/link to itself.mp4", lambda path: path.symlink_to(path.name), "refused")
    yield Case("no file/endless.mp4", lambda path: path.symlink_to("/dev/zero"), "refused")
    yield Case("no file/swallows all.mp4", lambda path: path.symlink_to("/dev/null"), "refused")
    yield Case("no file/.hidden.mp4", functools.partial(write_film, numbers=range(7300, 7312)), "refused")
    yield Case("no file/folder.mp4", lambda path: path.mkdir(), "refused")
    yield Case("no file/pipe.mp4", lambda path: os.mkfifo(path), "refused")
    yield Case("no file/socket.mp4", bind_socket, "refused")
    yield Case("no file/forbidden.mp4", forbidden, "either")  # the administrator reads it
    yield Case("no file/loop/up.mp4", lambda path: path.symlink_to(path.parent), "refused")


def linked(path: Path) -> None:
    target = path.with_name(".hidden film")
    write_film(target, numbers=range(7000, 7012), format="mp4")
    path.symlink_to(target.name)


def hard_linked(path: Path) -> None:
    write_film(path, numbers=range(7100, 7112))
    os.link(path, path.with_name("first name.mp4"))


def forbidden(path: Path) -> None:
    """A film that only the administrator reads."""
    write_film(path, numbers=range(7200, 7212))
    path.chmod(0)


def bind_socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # names of sockets are short
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)
