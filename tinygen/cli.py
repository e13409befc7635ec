"""The command line: finds the commands by their files and turns errors into one sentence.

Nothing but click is imported before a command runs, so that ``tinygen --help`` answers at once;
the modules in :mod:`tinygen.commands` keep to that too.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
import traceback
from typing import TYPE_CHECKING, Any

import click

from tinygen import __version__, commands
from tinygen.errors import TinygenError

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130
INTERNAL_ERROR = 70

_EPILOG = """Exit codes: 0 fine; 1 a budget or an accuracy gate failed; 2 usage or bad input;
3 build or toolchain; 4 device; 70 a bug in tinygen."""


class Commands(click.Group):
    """The commands, one per module of :mod:`tinygen.commands`, imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, in alphabetical order."""
        modules = (module.name for module in pkgutil.iter_modules(commands.__path__))
        return sorted(name for name in modules if not name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, or None."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{commands.__name__}.{cmd_name}")
        command: click.Command = module.COMMAND
        return command


@click.command(cls=Commands, epilog=_EPILOG, context_settings={"max_content_width": 100})
@click.version_option(__version__, prog_name="tinygen")
@click.option(
    "--debug", is_flag=True, envvar="TINYGEN_DEBUG", help="Show tracebacks (or TINYGEN_DEBUG=1)."
)
def cli(debug: bool) -> None:
    """Turn a trained network into Cortex-M firmware that is proven and measured.

    Example: tinygen build model.tflite --board nucleo_f746
    """


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; whatever goes wrong is one sentence."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments or os.environ.get("TINYGEN_DEBUG", "") not in ("", "0")
    try:
        outcome: Any = cli.main(arguments, prog_name="tinygen", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _stopped("interrupted", INTERRUPTED)
    except TinygenError as error:
        return _stopped(str(error), error.exit_code, debug=debug)
    except BrokenPipeError:
        # Whoever read our output has gone; a second complaint on exit would only be noise.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _stopped(f"{where}{error.strerror or error}", 2, debug=debug)
    except Exception as error:
        said = " ".join(str(error).split())
        return _stopped(
            f"a bug in tinygen stopped it ({type(error).__name__}: {said}); "
            "run the command again with TINYGEN_DEBUG=1 and report what it prints",
            INTERNAL_ERROR,
            debug=debug,
        )
    return outcome if isinstance(outcome, int) else 0


def _stopped(sentence: str, exit_code: int, *, debug: bool = False) -> int:
    if debug:
        traceback.print_exc()
    click.echo(f"tinygen: {sentence}", err=True)
    return exit_code


def main() -> None:
    """Entry point of the ``tinygen`` command."""
    sys.exit(run())
