"""The command line: `reconciler`."""

from reconciler.cli.commands import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line; the exit codes are in `reconciler.cli.exits`."""
    app()
