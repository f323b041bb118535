"""`eoscheck audit HISTORY`: can what was observed be explained?"""

from __future__ import annotations

import difflib

import click
from eoscheck.cli.options import finite, screen
from eoscheck.cli.output import emit, emit_json
from eoscheck.gen.screen import Style


@click.command("audit", short_help="Judge an observed history: can it be explained?")
@click.argument("history")
@click.option(
    "--atomic-read", is_flag=True, help="Also whether a reader ever held a strict part of a transaction."
)
@click.option("--property", "wanted", multiple=True, metavar="NAME", help="Judge this one only (repeatable).")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0.01),
    callback=finite,
    default=60.0,
    show_default=True,
    help="Give up after that.",
)
@click.option("--json", "as_json", is_flag=True, help='Print one JSON object, "eoscheck-audit/1".')
@screen
def command(
    history: str, atomic_read: bool, wanted: tuple[str, ...], seconds: float, as_json: bool, style: Style
) -> int:
    """Judge HISTORY: JSON lines ("eoscheck-history/1") or a history of Jepsen's Kafka workload (EDN).

    It is explained if some outcome of every transaction and some order of every log agree with all that was observed.
    Otherwise the smallest sets of observations that contradict one another are told.

    Exit codes: 0 explained, 1 a guarantee is violated, 2 bad input, 3 not decided in time, 4 something could not be
    judged, since the history does not say enough.
    """
    from eoscheck.checker.audit.judge import GUARANTEES, ON_REQUEST, audit
    from eoscheck.checker.audit.load import load_history
    from eoscheck.gen.audit import audit_json, audit_text

    for name in wanted:
        _known(name, GUARANTEES)
    names = [*wanted, *(["atomic-read"] if atomic_read and wanted else [])]
    if atomic_read and not wanted:
        names = [*(n for n in GUARANTEES if n not in ON_REQUEST), "atomic-read"]
    result = audit(load_history(history), names, seconds)
    for name in wanted:
        if not any(name in (j.name, j.base) for j in result.judgements):
            raise click.ClickException(f"{name}: the history has nothing that it speaks of")
    if as_json:
        emit_json(audit_json(result))
    else:
        emit(audit_text(result, style))
    return result.exit_code


def _known(name: str, guarantees: tuple[str, ...]) -> None:
    base = name.partition("@")[0]
    if base not in guarantees:
        near = difflib.get_close_matches(base, guarantees, n=1)
        known = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(guarantees)}"
        raise click.UsageError(f"no guarantee {base!r}; {known}")
