"""Where the command starts: verbs, and the way from an error to an exit code."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from itertools import pairwise

from sqlflow.version import __version__

ALLOCATIONS = 50_000
"""Objects between two rounds of the garbage collector; at Python's 700 it takes a tenth of a small run."""


def command() -> None:
    """Run the command line as a process of its own, and let the system take it back: that is faster than Python is.

    What is registered from here on for the end is called all the same, and threads that must end are waited for.
    """
    status: object = 0

    def leave() -> None:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except (OSError, ValueError):  # nobody reads any more: Python knows what to do
            return
        if isinstance(status, int):
            os._exit(status)

    atexit.register(leave)  # registered first, so called last
    try:
        main()
    except SystemExit as ended:
        status = ended.code
        raise
    except BaseException:
        status = None
        raise


def main() -> None:
    """Run the command line."""
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"]):  # before anything is imported
        print(f"sqlflow {__version__}")
        return
    gc.set_threshold(ALLOCATIONS)
    try:
        code = _run(arguments)
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:  # the reader of a pipe has gone: not an error
        sys.stderr.close()
        code = 0
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    from sqlflow.cli.app import build
    from sqlflow.cli.options import with_last_run

    arguments = with_last_run(arguments)
    app = build(arguments)
    from sqlflow.errors import SQLFlowError

    try:
        answer = app(args=arguments, standalone_mode=False, prog_name="sqlflow")
    except SQLFlowError as error:
        from sqlflow.cli.render import show_error

        show_error(error, machine=_answers_a_machine(arguments))
        return getattr(error, "exit_status", error.exit_code)
    except Exception as error:
        if hasattr(error, "show") and hasattr(error, "exit_code"):  # a usage error: unknown verb, missing argument
            error.show()
            return 2
        if type(error).__name__ in ("Abort", "Exit"):
            return int(getattr(error, "exit_code", 1))
        raise
    return answer if isinstance(answer, int) else 0


def _answers_a_machine(arguments: list[str]) -> bool:
    """Tell whether JSON was asked for; `jsonschema` takes a file under the same option."""
    spelt = any(argument in ("--output=json", "-ojson") for argument in arguments)
    pairs = pairwise(arguments)
    return "jsonschema" not in arguments[:1] and (
        spelt or any(p in (("--output", "json"), ("-o", "json")) for p in pairs)
    )


if __name__ == "__main__":
    command()
