"""What a replay can come to, and what it leaves behind: the timeline of everything that was sent and answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


class ReplayFailure(AssertionError):
    """A replay did not go as the model says. `step` is the number of the step in the trace, or None at the end."""

    def __init__(self, text: str, step: int | None = None) -> None:
        super().__init__(text)
        self.step = step


class Diverged(ReplayFailure):
    """The schedule diverged: a broker (or a store) answered a step otherwise than the model."""

    def __init__(self, step: int, what: str, model: Any, real: Any) -> None:
        super().__init__(f"diverged at step {step}: {what}: the model says {model}, Kafka says {real}", step)
        self.what, self.model, self.real = what, model, real


class NotReproduced(ReplayFailure):
    """Every step went as predicted, and yet something else is seen than the model says. `what`: what differs."""

    def __init__(self, differences: Sequence[str]) -> None:
        super().__init__("not reproduced: " + "; ".join(differences))
        self.what = "; ".join(line.partition(":")[0] for line in differences)


class GuaranteeViolated(ReplayFailure):
    """With the fix in place the anomaly shows all the same."""


class JudgesDiffer(ReplayFailure):
    """All was seen as predicted, and an audit of it says something else of the guarantees than the model."""

    def __init__(self, differences: Sequence[str]) -> None:
        super().__init__("the judges differ: " + "; ".join(differences))


class CannotForce(Exception):
    """A step cannot be brought about from outside, here or anywhere; its text says why."""


# What Kafka calls the errors of the model. The same refusal has several names: by release, by the version of the
# request (KIP-890 renamed what can be aborted), and by where in the broker it is noticed.
NAMES: Mapping[str, frozenset[str]] = {
    "NOT_ENOUGH_REPLICAS": frozenset({"NOT_ENOUGH_REPLICAS", "NOT_ENOUGH_REPLICAS_AFTER_APPEND"}),
    # Produce with an old epoch; TxnOffsetCommit maps it from the log's answer.
    "INVALID_PRODUCER_EPOCH": frozenset({"INVALID_PRODUCER_EPOCH", "PRODUCER_FENCED"}),
    # `AddPartitionsToTxnManager`: TRANSACTION_ABORTABLE for clients that know it (Produce 11, TxnOffsetCommit 4).
    "INVALID_TXN_STATE": frozenset({"INVALID_TXN_STATE", "TRANSACTION_ABORTABLE"}),
    # `TransactionCoordinator`: PRODUCER_FENCED, for old versions of the request INVALID_PRODUCER_EPOCH.
    "PRODUCER_FENCED": frozenset({"PRODUCER_FENCED", "INVALID_PRODUCER_EPOCH"}),
    # A member that was removed is unknown, one that came back has another generation.
    "ILLEGAL_GENERATION": frozenset(
        {"ILLEGAL_GENERATION", "UNKNOWN_MEMBER_ID", "STALE_MEMBER_EPOCH", "FENCED_MEMBER_EPOCH"}
    ),
}


def means(model: str, real: str) -> bool:
    """Whether an answer of Kafka is the one that the model predicts.

    >>> means("ILLEGAL_GENERATION", "UNKNOWN_MEMBER_ID"), means("NONE", "PRODUCER_FENCED")
    (True, False)
    """
    return real in NAMES.get(model, (model,))


@dataclass
class Timeline:
    """What was done, in order, as lines for people.

    ` 3  enricher-1      Produce payments-0 input 1 sequence 0 epoch 0 -> NONE offset 0`
    """

    lines: list[str] = field(default_factory=list)
    step: int = 0

    def note(self, who: str, text: str) -> None:
        """One more line, of the present step."""
        self.lines.append(f"{self.step or '':>4}  {who:<16} {text}")

    def __str__(self) -> str:
        return "\n".join(self.lines)
