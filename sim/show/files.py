"""Files that are there whole or not at all: each is written under another name, and renamed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


def put(target: Path, write: Callable[[Path], object]) -> Path:
    """A file that `write` makes under the name that it is given; an earlier one is replaced."""
    fresh = target.with_name(f".{target.name}.new")
    write(fresh)
    os.replace(fresh, target)
    return target


def put_text(target: Path, pieces: Iterable[str]) -> Path:
    """A file of text."""

    def write(file: Path) -> None:
        with file.open("w", encoding="utf-8") as opened:
            opened.writelines(pieces)

    return put(target, write)


def put_csv(frame: pd.DataFrame, target: Path) -> Path:
    """A frame as CSV."""
    return put(target, lambda file: frame.to_csv(file, index=False, float_format="%.8g"))


def put_frame(frame: pd.DataFrame, stem: Path) -> list[Path]:
    """A frame as CSV, and as Parquet with all digits."""
    return [
        put_csv(frame, stem.with_suffix(".csv")),
        put(stem.with_suffix(".parquet"), lambda file: frame.to_parquet(file, index=False)),
    ]
