"""`canfuse score`: scores a log with a release of the local store."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import app.threads  # noqa: F401 - the service's number of threads, and so its very digits
from app.cli.places import load_settings
from app.cli.terminal import note, say, show, table, warn, write
from app.cli.work.explanations import show_explanations
from app.scoring.schemas import LogReport
from app.scoring.service import answer, score_frames
from app.vehicles.seen import Seen, Vehicles
from ml.can.profiles.store import ProfileStore
from ml.can.readers import Log, ReadReport, read_log
from ml.releases import ReleaseStore
from ml.scoring import Scores

SHOWN_EPISODES = 20
_COLUMNS = (
    "window_start",
    "window_end",
    "fused_score",
    "alpha",
    "anomaly_score",
    "gat_prob",
    "is_attack",
    "attack_kind",
)


@dataclass(frozen=True)
class Wish:
    """How a log is to be scored.

    Attributes:
        vehicle: whose traffic it is, if that was said.
        release: alias or version.
        explain: tell why the strongest flagged windows were flagged.
        lenient: drop bad lines.
    """

    vehicle: str | None
    release: str
    explain: bool = False
    lenient: bool = False


def score(
    file: Path, wish: Wish, home: Path | None, *, form: str | None, output: Path | None
) -> None:
    """Score the windows of a log.

    Args:
        file: the log.
        wish: how.
        home: root of the store.
        form: "json", "csv", or None for a summary.
        output: file to write to.
    """
    settings = load_settings(home)
    log = read_log(file, strict=not wish.lenient)
    _mention(log.report)
    scorer = ReleaseStore(settings.workspace.releases).load(wish.release)
    vehicles = Vehicles(ProfileStore(settings.workspace.vehicles), settings.unenrolled)
    scores, seen, explanations = score_frames(
        scorer, vehicles, log.frames, wish.vehicle, wish.explain
    )
    if seen.note:
        warn(seen.note)
    if form is None:
        _summarise(file, log, scores, seen)
        show_explanations(explanations, float(log.frames.timestamp[0]))
    elif form == "csv":
        write(_csv(scores), output)
    else:
        report = LogReport.model_validate(log.report)
        told = answer(scores, seen, explanations, report)
        write(told.model_dump_json() + "\n", output)


def _mention(report: ReadReport) -> None:
    if report.dropped:
        warn(f"{report.dropped} of {report.lines} lines were bad and left out:")
        for problem in report.first_problems:
            warn(f"  {problem}")
    if report.backward_steps:
        note(f"{report.backward_steps} timestamps ran backwards; the frames were sorted.")


def _csv(scores: Scores) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("window", *_COLUMNS))
    told = scores.to_dict()
    columns = [told[name] for name in _COLUMNS]
    columns[-2] = scores.is_attack.astype(int).tolist()
    writer.writerows((row, *values) for row, values in enumerate(zip(*columns, strict=True)))
    return text.getvalue()


def _summarise(file: Path, log: Log, scores: Scores, seen: Seen) -> None:
    flagged = int(scores.is_attack.sum())
    frames = log.frames
    say(f"Log        {file} ({log.report.format})")
    say(f"Traffic    {len(frames)} frames in {frames.timestamp[-1] - frames.timestamp[0]:.1f} s")
    say(f"Release    {scores.release}, threshold {scores.threshold:.4f}")
    known = f"knows {seen.known_frames:.1%} of the frames"
    whose = "" if seen.enrolled else " (not enrolled)"
    say(f"Vehicle    {seen.id}{whose}, profile {seen.profile}, {known}")
    share = flagged / len(scores.is_attack)
    say(f"Verdict    {flagged} of {len(scores.is_attack)} windows are attacks ({share:.1%})")
    if flagged:
        show("")
        _show_episodes(scores)


def _show_episodes(scores: Scores) -> None:
    """Consecutive attack windows, as one row."""
    kinds = scores.attack_kind
    assert scores.window_start is not None and scores.window_end is not None  # noqa: S101, PT018 - frames were scored
    assert kinds is not None  # noqa: S101 - as above
    edges = np.flatnonzero(np.diff(np.r_[0, scores.is_attack.astype(np.int8), 0]))
    begins, ends = edges[::2], edges[1::2]
    first = scores.window_start[0]
    columns = ("Likely kind", "From (s)", "To (s)", "Windows", "Highest score", "Mean alpha")
    made = table(*columns, numbers=5, title="Attacks")
    for begin, end in list(zip(begins, ends, strict=True))[:SHOWN_EPISODES]:
        made.add_row(
            str(Counter(kinds[begin:end]).most_common(1)[0][0]),
            f"{scores.window_start[begin] - first:.2f}",
            f"{scores.window_end[end - 1] - first:.2f}",
            str(end - begin),
            f"{scores.fused_score[begin:end].max():.4f}",
            f"{scores.alpha[begin:end].mean():.2f}",
        )
    show(made)
    if len(begins) > SHOWN_EPISODES:
        say(f"… and {len(begins) - SHOWN_EPISODES} more; --csv or --json gives every window.")
