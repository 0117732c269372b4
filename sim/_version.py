"""The version of the program and of its model: results of different versions are never mixed."""

__version__ = "0.1.0"
