"""A progress bar with the remaining time, on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.study import OnDone


@contextmanager
def progress(title: str, *, rate: bool = False) -> Iterator[OnDone]:
    """Yield the `on_done` for a study. Nothing is shown if stderr is not a terminal.

    With `rate`, it also tells how many runs end in a minute.
    """
    if not sys.stderr.isatty():
        yield lambda done, total, seconds: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[left]}"),
        console=Console(stderr=True),
        transient=True,
    )
    task = bar.add_task(title, total=None, left="")

    def on_done(done: int, total: int, seconds: float) -> None:
        pace = f"{60 * (total - done) / seconds:.3g} runs/min, " if rate and seconds > 0 else ""
        bar.update(task, completed=done, total=total, left=f"{pace}{remaining(seconds)} left")

    with bar:
        yield on_done


def remaining(seconds: float) -> str:
    """A time as "8 s", "3 min 20 s" or "2 h 5 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
