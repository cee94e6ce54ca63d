# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""An engine whose workers die once each: that of a decoder between two chunks, that of an encoder before it answers."""

import hashlib
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zen_hf.curation import decode_video
from zen_hf.engines.stage import Engine

CHUNK_FRAMES = 4  # of a curation: small films shall have several chunks


@dataclass(frozen=True)
class HarmedStage:
    """Builds a stage that leaves traces of its calls; once, it kills its process and the one that started that.

    Args:
        notes: Folder of the traces.
        name: Of the stage.
        build: The stage itself.
        harm: Whether anything is killed.
    """

    notes: Path
    name: str
    build: Callable
    harm: bool

    def __call__(self):
        decode_video.CHUNK_FRAMES = CHUNK_FRAMES
        function = self.build()

        def noted(item: Any):
            label = hashlib.sha256(repr(item).encode()).hexdigest()[:8]
            (self.notes / f"{self.name}-{label}-{time.monotonic_ns()}").touch()
            for number, result in enumerate(function(item)):
                if self.harm and self.is_time(number):
                    os.kill(os.getppid(), signal.SIGKILL)
                    os.kill(os.getpid(), signal.SIGKILL)
                yield result

        return noted

    def is_time(self, number: int) -> bool:
        """Whether all ends now: before the third chunk of a video, or when the third chunk is encoded and written."""
        if number != 2 if self.name == "decode" else len(list(self.notes.glob(f"{self.name}-*"))) != 3:
            return False
        try:
            (self.notes / f"killed-{self.name}").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


class HarmedEngine:
    """An engine with such stages.

    Args:
        engine: The engine.
        notes: Folder of traces, which is made.
        harm: Whether anything is killed.
    """

    def __init__(self, engine: Engine, notes: Path, harm: bool):
        self.engine, self.notes, self.harm = engine, notes, harm
        notes.mkdir()

    def run(self, items, stages):
        """See `Engine`."""
        harmed = [
            replace(stage, build=HarmedStage(self.notes, stage.name, stage.build, self.harm)) for stage in stages
        ]
        return self.engine.run(items, harmed)

    def killed_and_tried_again(self) -> list[str]:
        """Stages whose worker was killed, and that began the same item again."""
        begun = Counter(file.name.rpartition("-")[0] for file in self.notes.glob("*-*-*"))
        again = {name.partition("-")[0] for name, times in begun.items() if times > 1}
        return sorted(name for name in again if (self.notes / f"killed-{name}").exists())
