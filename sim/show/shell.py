"""What is told to be typed into a shell."""

import shlex
from pathlib import Path

RESULTS = Path("results")  # where commands save, and look for, what they found, if not told otherwise


def in_shell(name: str, target: str | Path, out: Path = RESULTS) -> str:
    """`corridor` with the name of a command, its file or folder, and where its results are, if that must be told."""
    return f"corridor {name} {shlex.quote(str(target))}" + ("" if out == RESULTS else f" --out {shlex.quote(str(out))}")


def found_as(folder: Path) -> Path:
    """How commands find a study: by its name where they look for it, else by its folder."""
    return Path(folder.name) if folder.parent == RESULTS else folder


def goes_on_with(maker: str, file: str, folder: Path) -> str:
    """What goes on with the study of `file` whose ledger is in `folder`. maker: the command that began it."""
    if maker == "sweep":
        return in_shell("sweep resume", folder)
    stages = maker == "sensitivity"  # each has a ledger of its own in the folder of the study
    return in_shell(maker, file, folder.parent.parent if stages else folder.parent)
