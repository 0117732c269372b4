"""Where tables are printed."""

from rich.console import Console

NARROWEST = 80  # columns that the tables need


def terminal() -> Console:
    """Standard output. Where a terminal is narrower than the tables, lines wrap: otherwise columns would be lost."""
    return Console(width=max(Console().width, NARROWEST))
