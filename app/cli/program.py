"""Puts the command line together and turns what goes wrong into one line and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer
from typer.exceptions import TyperException

from app.cli.commands import (
    cache,
    data,
    demo,
    enrol,
    evaluate,
    jobs,
    keys,
    presets,
    protocol,
    releases,
    score,
    train,
    up,
    upkeep,
    vehicles,
    verify,
)
from app.cli.terminal import errors, manner, say
from ml.errors import Cancelled, CanfuseError, InvalidInput, NotFound

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
_ANYWHERE = ("--quiet", "-q", "--debug")

program = typer.Typer(
    name="canfuse",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Train and serve intrusion detection for CAN buses.",
    epilog="canfuse COMMAND --help tells about a command. --quiet and --debug may stand anywhere.",
)
for _module in (up, demo, verify, enrol, score, evaluate, protocol, upkeep):
    _module.register(program)
for _group in (train, data, cache, jobs, releases, vehicles, keys):
    program.add_typer(_group.group)
presets.register(program)


def main() -> None:
    """Run `canfuse` with this process's arguments."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Returns:
        0; 1 after a failure, 2 after wrong input, 130 after Ctrl-C.
    """
    try:
        return _run(arguments)
    except (TyperException, CanfuseError) as error:
        return _refuse(error)
    except (KeyboardInterrupt, typer.Abort):
        _complain("Interrupted.")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone; Python would stumble over it again when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except Exception as error:  # noqa: BLE001 - the last line of defence: a user gets a line, no traceback
        if isinstance(error, OSError) and error.filename:
            _complain(f"{error.filename}: {error.strerror}.")
        else:
            _complain(f"{type(error).__name__}: {error}. Run it with --debug to see where.")
        return EXIT_FAILED


def _run(arguments: Sequence[str]) -> int:
    manner.quiet = manner.debug = False
    command = typer.main.get_command(program)
    code = command.main(_in_front(arguments), prog_name="canfuse", standalone_mode=False)
    return code if isinstance(code, int) else 0


def _in_front(arguments: Sequence[str]) -> list[str]:
    """The arguments with those options at the front that may stand anywhere."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    moved = [a for a in arguments[:end] if a in _ANYWHERE]
    return [*moved, *(a for a in arguments[:end] if a not in _ANYWHERE), *arguments[end:]]


def _refuse(error: TyperException | CanfuseError) -> int:
    if isinstance(error, TyperException):
        if message := error.format_message():  # none where the help was printed instead
            _complain(f"{message} See --help.")
        return error.exit_code
    _complain(str(error))
    if isinstance(error, Cancelled):
        return EXIT_INTERRUPTED
    return EXIT_USAGE if isinstance(error, InvalidInput | NotFound) else EXIT_FAILED


def _complain(line: str) -> None:
    if manner.debug:
        traceback.print_exc()
    errors().print(f"Error: {' '.join(line.split())}", style="red", soft_wrap=True)


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"canfuse {version('canfuse')}")
        raise typer.Exit


@program.callback()
def _options(
    *,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print nothing but results and errors.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and exit.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    del show_version  # its callback has dealt with it
    manner.quiet, manner.debug = quiet, debug
