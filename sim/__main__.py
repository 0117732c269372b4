"""The entry of `corridor`, also as `python -m sim`: what must be so before anything that takes time is imported."""

from __future__ import annotations

import gc
import io
import os
import sys


def main() -> None:
    """Run the command line; a Ctrl-C while it is being imported ends as quietly as any later one, with code 130."""
    gc.set_threshold(10_000, 20, 20)  # what is imported and read stays, and is no garbage to look for
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # not looked for in all that is installed
    if isinstance(sys.stdout, io.TextIOWrapper):  # nothing to do with it if it is closed
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that cannot show "ł" gets \u0142, as from stderr
    try:
        from sim.cli import main as corridor

        corridor()
    except KeyboardInterrupt:
        print("Stopped. Nothing was saved.", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
