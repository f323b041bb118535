"""The entry point. It imports next to nothing, so that Ctrl-C is looked after while everything else is imported."""

from __future__ import annotations

import gc
import signal
import sys

from eoscheck.cli.streams import complain, open_closed, silence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def run(arguments: Sequence[str], *, last: bool = False) -> int:
    """Run one command line; gives its exit code.

    last   the process ends with it: both signals are ignored as soon as the outcome is known
    """
    try:
        from eoscheck.cli.interrupts import interrupts

        with interrupts(last=last):
            from eoscheck.cli.commands import cli

            code = cli.main(list(arguments) or ["--help"], prog_name="eoscheck", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except Exception as error:
        from eoscheck.cli.commands import explained

        return explained(error)
    except KeyboardInterrupt:
        return complain("interrupted", 130)


def main() -> None:
    """The only place that exits the process.

    Most of what a command makes lives as long as it does. Looking for garbage in cycles seldom, and not at all at the
    end, spares a tenth of a second of a short one.
    """
    gc.set_threshold(100_000)
    try:
        open_closed()
        code = run(sys.argv[1:], last=True)
    except KeyboardInterrupt:  # one more, before the others were ignored
        code = 130
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # there is nothing left to be interrupted
    gc.freeze()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            silence(stream)
        except OSError:
            if stream is sys.stdout:
                raise
            silence(stream)
    sys.exit(code)


if __name__ == "__main__":
    main()
