"""The command line: arguments in, exit code out. The only place that prints and exits.

Commands are imported when they are called, so that ``auditor --help`` stays quick.
"""

import atexit
import contextlib
import errno
import gc
import importlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, cast

import click

from auditor import __version__
from auditor.base.errors import AuditorError
from auditor.cli.documents import ERROR, echo_json
from auditor.cli.help import helpful
from auditor.cli.refusals import told
from auditor.cli.strict import strict
from auditor.cli.variables import asks_for_json
from auditor.pack.outcome import EXIT_MEANING

_COMMANDS = {
    "run": ("auditor.cli.audit:run", "Audit an account and write an evidence pack."),
    "demo": ("auditor.cli.demo:demo", "Audit a simulated account on this machine; no AWS account needed."),
    "collect": ("auditor.cli.rooms:collect", "Collect evidence only."),
    "evaluate": ("auditor.cli.rooms:evaluate", "Judge stored evidence; needs no network."),
    "render": ("auditor.cli.rooms:render", "Judge collected evidence, render its pages and seal the pack."),
    "seal": ("auditor.cli.seal:seal", "Sign a pack, with a time stamp if asked for."),
    "verify": ("auditor.cli.seal:verify", "Check somebody's pack offline."),
    "upload": ("auditor.cli.audit:upload", "Put a finished pack into a bucket."),
    "diff": ("auditor.cli.compare:diff", "Say what changed between two packs."),
    "remediate": ("auditor.cli.remediate:remediate", "Write the changes that close a pack's findings; apply none."),
    "history": ("auditor.cli.history:history", "Show all packs by account and month; say which is missing."),
    "assemble": ("auditor.cli.assemble:assemble", "Join the packs of twelve months into one for the auditor."),
    "doctor": ("auditor.cli.doctor:doctor", "Look at everything a run needs, before a run."),
    "keygen": ("auditor.cli.seal:keygen", "Make a self-signed signing identity."),
    "trail": ("auditor.cli.trail:command", "Verify CloudTrail digests and log files."),
    "events": ("auditor.cli.events:command", "Ask what happened in a period."),
    "cost": ("auditor.cli.cost:cost", "Estimate what logging costs a month."),
    "controls": ("auditor.cli.controls:command", "List, show and check the control catalogue."),
    "pattern": ("auditor.cli.pattern:command", "Judge metric filter and EventBridge patterns by meaning."),
    "packs": ("auditor.cli.packs:command", "Look after the packs of a folder."),
    "completion": ("auditor.cli.completion:completion", "Print what makes a shell complete our commands."),
    "config": ("auditor.cli.settings:command", "Show the settings and where each came from."),
    "policy": ("auditor.cli.policy:command", "Print the least-privilege IAM policy."),
}

_COLLECT = (200_000, 20, 50)
"""When Python looks for garbage in circles. A run reads large trees of JSON and ends. By its own measure, 700 objects,
Python walked through them over and over, which was a tenth of a run's CPU time. Before the first question is asked,
there are 90,000 objects, none of them garbage."""


class _Commands(click.Group):
    """Commands by name, imported on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            raise click.exceptions.NoSuchCommand(cmd_name, possibilities=_COMMANDS, ctx=ctx)
        module, _, name = _COMMANDS[cmd_name][0].partition(":")
        command = cast("click.Command", getattr(importlib.import_module(module), name))
        return helpful(strict(command, cmd_name), cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in _COMMANDS.items()])


def _exit_codes() -> str:
    return "\n".join(f"  {code:>3}  {meaning}" for code, meaning in EXIT_MEANING.items())


@click.command(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=f"\b\nExit codes:\n{_exit_codes()}",
)
@click.version_option(__version__, "-V", "--version", message="%(prog)s %(version)s")
def auditor() -> None:
    """Audit AWS accounts over a whole period and write evidence packs that a stranger can verify offline."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit with its code; every error becomes one message, one hint and one code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, _end)
    gc.set_threshold(*_COLLECT)
    if arguments is not None:
        sys.exit(_run(list(arguments)))
    _leave(_run(sys.argv[1:]))


def _leave(code: int) -> NoReturn:
    """End the process with a code, and leave its memory to the system.

    To take apart every object before takes Python a tenth of the CPU time of a gate. What was registered for the end
    (temporary folders, pools) still runs; a thread that is at work, or output that nobody reads, ends as always.
    """
    working = any(thread is not threading.main_thread() and not thread.daemon for thread in threading.enumerate())
    if not working:
        atexit._run_exitfuncs()  # noqa: SLF001 - what the interpreter calls itself at this point
        with contextlib.suppress(OSError, ValueError, AttributeError):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    sys.exit(code)


class _Ended(KeyboardInterrupt):
    """Somebody ended the process; everything is cleared up as after an interruption from the keyboard."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def _end(number: int, _frame: object) -> None:
    """End the run once; a second signal does not disturb the clearing up."""
    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise _Ended(number)


def _run(arguments: list[str]) -> int:  # noqa: PLR0911 - one line for each way to end
    as_json = asks_for_json(arguments)
    if "_AUDITOR_COMPLETE" in os.environ:
        return auditor.main(prog_name="auditor", complete_var="_AUDITOR_COMPLETE", standalone_mode=False) or 0
    try:
        code = auditor.main(args=arguments, prog_name="auditor", standalone_mode=False)
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return _answer(2, "there is no command", as_json=as_json)
    except click.ClickException as error:
        return _fail(*told(error), 2, as_json=as_json)
    except AuditorError as error:
        return _fail(error.message, _hints(error, error.hint), error.exit_code, as_json=as_json)
    except (KeyboardInterrupt, click.Abort) as error:
        return _interrupted(error, as_json=as_json)
    except SystemExit:
        return 5  # click's own answer to a reader that went away is 1, which says here that a control failed
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 5
    except OSError as error:
        if error.errno in _NO_NAMES:
            return _fail(
                f"no file can be called {str(error.filename)[:80]}...: {error.strerror}", "", 2, as_json=as_json
            )
        where = f" ({error.filename})" if error.filename else ""
        return _fail(
            f"{error.strerror or error}{where}",
            _hints(error, "check the path, its permissions and the free space"),
            5,
            as_json=as_json,
        )
    except Exception as error:  # noqa: BLE001 - an exit code of 1 would say that a control failed
        return _broke(error, as_json=as_json)
    return code if isinstance(code, int) else 0


_NO_NAMES = frozenset({errno.ENAMETOOLONG, errno.ELOOP})
"""What the system says of names that somebody mistyped; all else may be the machine's fault."""


def _broke(error: Exception, *, as_json: bool) -> int:
    """Tell of a mistake of ours without a wall of text; the whole of it when AUDITOR_DEBUG is set."""
    if os.environ.get("AUDITOR_DEBUG"):
        click.echo("".join(traceback.format_exception(error)), err=True)
    where = traceback.extract_tb(error.__traceback__)[-1]
    message = f"a mistake in auditor itself: {type(error).__name__}: {str(error)[:300]}"
    place = f"{Path(where.filename).name}:{where.lineno}"
    hint = _hints(error, f"please report it with {place}; AUDITOR_DEBUG=1 prints all of it")
    return _fail(message, hint, 5, as_json=as_json)


def _interrupted(error: BaseException, *, as_json: bool) -> int:
    """Say what ended the run; click hands on what the keyboard or a signal raised as a cause."""
    cause = error.__cause__ or error
    number = cause.number if isinstance(cause, _Ended) else signal.SIGINT
    words = {signal.SIGTERM: "terminated", signal.SIGHUP: "hung up"}.get(signal.Signals(number), "interrupted")
    return _fail(words, _hints(cause, ""), _KILLED + number, as_json=as_json)


_KILLED = 128
"""A shell reports a process that a signal ended as this and the signal's number."""


def _hints(error: BaseException, hint: str) -> str:
    """Return a hint with the notes that were added on the way: what was kept, and how to go on."""
    return "; ".join(part for part in (hint, *getattr(error, "__notes__", ())) if part)


def _fail(message: str, hint: str, code: int, *, as_json: bool) -> int:
    with contextlib.suppress(OSError):
        click.echo(f"auditor: {printable(message)}", err=True)
        if hint:
            click.echo(f"  hint: {printable(hint)}", err=True)
    return _answer(code, message, hint, as_json=as_json)


def _answer(code: int, message: str, hint: str = "", *, as_json: bool) -> int:
    """With ``--json`` a program finds one document on stdout, however the command ended."""
    if as_json:
        with contextlib.suppress(OSError):  # there may be no room for it, or no reader: the code still tells
            echo_json({"schema": ERROR, "exit_code": code, "error": message, "hint": hint})
    return code


def printable(text: str) -> str:
    """Return text that a terminal shows as it is: control and direction-changing characters are escaped."""
    return "".join(mark if mark.isprintable() or mark in "\n\t" else f"\\x{ord(mark):02x}" for mark in text)
