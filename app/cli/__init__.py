"""The command line, `canfuse`."""

from app.cli.program import main

__all__ = ["main"]
