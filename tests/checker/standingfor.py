"""What has happened where some parts are taken for others."""

from __future__ import annotations

from eoscheck.checker.commands import Program
from eoscheck.checker.search import Exploration
from eoscheck.checker.symmetry import Symmetry


def happened(program: Program, symmetry: Symmetry, found: Exploration) -> list[bool]:
    """By action, whether it was taken, or one that it stands for."""
    times = dict(zip(program.model.actions, found.fired, strict=True))
    spread = symmetry.spread([times[command.action] for command in program.commands])
    taken = {command.action for command, count in zip(program.commands, spread, strict=True) if count}
    return [action in taken for action in program.model.actions]
