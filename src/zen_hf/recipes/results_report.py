# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""One page about benchmark results: `zen-hf report RESULTS...`."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from zen_hf.atomic_files import atomic_write_text
from zen_hf.benchmark.report.dataset_frames import DatasetFrames
from zen_hf.benchmark.report.entries import entries_of
from zen_hf.benchmark.report.hub_results import hub_files
from zen_hf.benchmark.report.markdown import results_markdown
from zen_hf.benchmark.report.page import results_page
from zen_hf.benchmark.result_files import read_results


def results_report(results: Sequence[Path], out: Path, data: Path | None = None) -> Path:
    """Write a page, Markdown and metadata about benchmark results; files of an earlier report are replaced.

        index.html                                 the page
        report.md                                  its tables, for a model card
        hub/<encoder>/model-index.yaml             metadata of the encoder's card
        hub/<encoder>/.eval_results/<...>.yaml     files for the encoder's repository

    Miniatures are on the page but not in `hub/`.

    Args:
        results: folders of results, or of suites of results.
        out: folder to write to; made when absent.
        data: folder with one folder per dataset, whose frames are then shown beside predictions of masks, instances, depth and
            answers. Without it the page holds no frame, as results hold none.

    Returns:
        The page.

    Raises:
        FileNotFoundError: if a folder is missing or holds no result.
        ValueError: if a result has another format or an unknown task, two are of the same thing, or the data are not those of
            a result.
    """
    if data is not None and not Path(data).is_dir():
        raise FileNotFoundError(f"{data}: no such folder; expected one folder per dataset below it.")
    frames = None if data is None else DatasetFrames(data)
    entries = entries_of(read_results(results))
    files = {Path("index.html"): results_page(entries, frames), Path("report.md"): results_markdown(entries)}
    files |= {Path("hub") / path: text for path, text in hub_files(entries).items()}
    for path, text in files.items():
        target = Path(out) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        atomic_write_text(target, text)
    console = Console()
    console.print(f"{Path(out) / 'index.html'}: open it in a browser")
    if frames is not None and frames.found:
        console.print("The page shows frames of the datasets: pass it on only as their licences allow")
    if any(entry.miniature for entry in entries):
        console.print("Results of miniatures are about no real dataset: no model-index, no .eval_results for them")
    return Path(out) / "index.html"
