"""The scenario files that the project ships, as against those that somebody has put beside them."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def scenario_files() -> list[Path]:
    """The files below scenarios/ that git knows; all of them where the project is not under git."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "scenarios"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout
    files = [ROOT / name for name in listed.split("\0") if name]
    return sorted(file for file in files or (ROOT / "scenarios").rglob("*") if file.is_file())


def scenarios() -> list[Path]:
    """The scenarios among them; what lies in folders is for these to extend."""
    return [file for file in scenario_files() if file.suffix == ".yaml" and file.parent.name == "scenarios"]
