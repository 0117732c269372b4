"""To paint its plots takes most of the time of a small run: a test that looks at numbers and words goes without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from matplotlib.figure import Figure


@contextmanager
def nothing_painted() -> Iterator[None]:
    """Plots are made as ever, and saved as empty files."""

    def save(figure: Figure, file: Path, **_: Any) -> None:
        file.touch()

    with patch.object(Figure, "savefig", save):
        yield
