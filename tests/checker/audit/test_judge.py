"""The judge: what is correct is explained, what is spoiled is not, and a judge without Z3 says the same."""

from __future__ import annotations

import random
from collections import Counter

from eoscheck.checker.audit.history import (
    Abort,
    Aborted,
    Commit,
    Committed,
    End,
    Event,
    Input,
    Log,
    Read,
    Reader,
    Restart,
    Row,
    Send,
)
from eoscheck.checker.audit.judge import Audit, audit
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import MUTATIONS, mutants
from reference import Reference
from simulated import Simulation, numbered

GUARANTEES = ("provenance", "no-duplicates", "no-loss", "order", "atomic-visibility")


def send(value: int, transaction: str | None = None, partition: str = "p-0", **more: object) -> Send:
    given = {"acknowledged": True, "by": "shop", **more}
    return Send(event=0, value=value, transaction=transaction, partition=partition, **given)  # type: ignore[arg-type]


def read(value: int, offset: int | None = None, partition: str = "p-0", **more: object) -> Read:
    given = {"reader": "audit", **more}
    return Read(event=0, value=value, offset=offset, partition=partition, **given)  # type: ignore[arg-type]


def end(partition: str = "p-0", **more: object) -> End:
    return End(event=0, reader="audit", partition=partition, **more)  # type: ignore[arg-type]


def committed(transaction: str) -> Committed:
    return Committed(event=0, transaction=transaction)


def aborted(transaction: str) -> Aborted:
    return Aborted(event=0, transaction=transaction)


def judge(*events: Event, wanted: tuple[str, ...] = ()) -> Audit:
    return audit(numbered(list(events)), wanted)


def verdicts(result: Audit) -> dict[str, str]:
    return {j.name: j.verdict for j in result.judgements}


def core(result: Audit, name: str) -> list[int]:
    """The places in the history of the one finding of a guarantee."""
    row = result.of(name)
    assert row is not None and len(row.findings) == 1 and row.findings[0].smallest
    return list(row.findings[0].events)


# --- what each guarantee says


def test_a_committed_transaction_that_is_read_is_explained() -> None:
    result = judge(send(1, "t", offset=0), committed("t"), read(1, 0), end())
    assert verdicts(result) == dict.fromkeys(
        ["provenance", "no-duplicates@audit", "no-loss@audit", "order@audit", "atomic-visibility"], "holds"
    )
    assert (result.verdict, result.exit_code) == ("holds", 0)


def test_an_aborted_read() -> None:
    result = judge(send(1, "t", offset=0), aborted("t"), read(1, 0))
    assert core(result, "atomic-visibility") == [1, 2]
    assert result.exit_code == 1


def test_a_reader_of_uncommitted_records_breaks_the_guarantee_and_proves_no_outcome() -> None:
    everything = Reader(event=0, reader="audit", isolation="read_uncommitted")
    result = judge(everything, send(1, "t", offset=0), aborted("t"), read(1, 0))
    assert core(result, "atomic-visibility") == [2, 3]
    unknown = [send(1, "t", offset=0), read(1, 0)]
    assert judge(*unknown).outcomes == {"t": "committed"}
    result = judge(everything, *unknown)
    assert result.outcomes == {"t": "either"} and verdicts(result)["atomic-visibility"] == "holds"
    for proof in (read(1, 0, reader="mirror"), read(1, 0, marker="commit")):
        assert judge(everything, *unknown, proof).outcomes == {"t": "committed"}


def test_an_end_that_is_told_both_ways() -> None:
    assert core(judge(send(1, "t", offset=0), committed("t"), aborted("t")), "atomic-visibility") == [1, 2]
    assert core(judge(aborted("t"), committed("t")), "atomic-visibility") == [0, 1]
    assert verdicts(judge(aborted("t"), committed("u")))["atomic-visibility"] == "holds"


def test_half_of_a_transaction_whose_client_heard_nothing() -> None:
    half = [send(1, "t", offset=0), send(1, "t", "q-0", offset=0), read(1, 0), end("q-0")]
    assert core(judge(*half), "atomic-visibility") == [1, 2, 3]
    assert verdicts(judge(*half[:3]))["atomic-visibility"] == "holds"


def test_one_of_two_writers_must_have_committed() -> None:
    """The same value twice, by two transactions, at offsets that nobody was told: one of them, nobody knows which."""
    two = [send(1, "t"), send(1, "u"), read(1)]
    assert judge(*two).outcomes == {"t": "either", "u": "either"}
    assert judge(*two, aborted("t")).outcomes == {"u": "committed"}
    assert core(judge(*two, aborted("t"), aborted("u")), "atomic-visibility") == [2, 3, 4]


def test_what_was_read_before_it_was_to_be_committed() -> None:
    early = [send(1, "t", offset=0), read(1, 0), Commit(event=0, transaction="t"), committed("t")]
    assert core(judge(*early), "atomic-visibility") == [1, 2]
    assert (
        verdicts(judge(send(1, "t", offset=0), read(1, 0, marker="none")))["atomic-visibility"] == "violated"
    )


def test_a_log_that_says_otherwise() -> None:
    look = Log(event=0, partition="p-0", offset=0, marker="commit")
    assert core(judge(send(1, "t", offset=0), aborted("t"), look), "atomic-visibility") == [1, 2]


def test_a_commit_that_was_acknowledged_and_a_log_that_says_abort() -> None:
    look = Log(event=0, partition="p-0", offset=0, marker="abort")
    assert core(judge(send(1, "t", offset=0), committed("t"), look), "atomic-visibility") == [1, 2]


def test_twice_by_two_records_or_by_one() -> None:
    sends = [send(1, offset=0), send(1, offset=1)]
    assert core(judge(*sends, read(1, 0), read(1, 1)), "no-duplicates@audit") == [2, 3]
    assert core(judge(sends[0], read(1, 0), read(1, 0)), "no-duplicates@audit") == [1, 2]
    again = [sends[0], read(1, 0), Restart(event=0, reader="audit"), read(1, 0)]
    assert verdicts(judge(*again))["no-duplicates@audit"] == "holds"
    rows = [Row(event=0, store="ledger", value=1)] * 2
    assert core(judge(*rows), "no-duplicates@ledger") == [0, 1]


def test_loss_is_judged_only_where_somebody_read_to_the_end() -> None:
    two = [send(1, offset=0), send(2, offset=1), read(2, 1)]
    row = judge(*two).of("no-loss@audit")
    assert row is not None and row.verdict == "vacuous"
    assert row.reason == "not judged: nothing says that it was read to its end"
    assert core(judge(*two, end()), "no-loss@audit") == [0, 3]
    assert verdicts(judge(*two, end(below=1)))["no-loss@audit"] == "violated"
    assert verdicts(judge(*two, end(below=0)))["no-loss@audit"] == "vacuous"


def test_inputs_are_due_where_they_say() -> None:
    due = Input(event=0, value=1, due=("ledger",))
    ledger = End(event=0, store="ledger")
    assert core(judge(due, ledger), "no-loss@ledger") == [1]
    assert verdicts(judge(due, Row(event=0, store="ledger", value=1), ledger))["no-loss@ledger"] == "holds"
    assert verdicts(judge(due, end()))["no-loss@audit"] == "vacuous"


def test_exactly_once_is_both_and_only_on_request() -> None:
    lost = [send(1, offset=0), end()]
    assert "exactly-once@audit" not in verdicts(judge(*lost))
    assert verdicts(judge(*lost, wanted=("exactly-once",))) == {"exactly-once@audit": "violated"}


def test_order_of_one_sender_and_not_of_two() -> None:
    apart = [send(1, offset=0), send(2, offset=1, by="kiosk"), read(2), read(1)]
    assert verdicts(judge(*apart))["order@audit"] == "holds"
    assert core(judge(send(1), send(2), read(2), read(1)), "order@audit") == [2, 3]


def test_two_readers_who_saw_two_logs() -> None:
    ways = [read(1), read(2), read(3), *(read(v, reader="mirror") for v in (2, 3, 1))]
    found = judge(send(1, by=""), send(2, by=""), send(3, by=""), *ways)
    assert len(core(found, "order")) == 4
    assert verdicts(found)["order@audit"] == "holds"


def test_atomic_read_at_the_end_of_a_poll() -> None:
    both = [send(1, "t", offset=0), send(1, "t", "p-1", offset=0), committed("t")]
    assert "atomic-read@audit" not in verdicts(judge(*both, read(1, 0)))
    for polls, said in (((1, 1), "holds"), ((1, 2), "violated"), ((None, None), "violated")):
        reads = [read(1, 0, poll=polls[0]), read(1, 0, "p-1", poll=polls[1])]
        assert verdicts(judge(*both, *reads, wanted=("atomic-read",))) == {"atomic-read@audit": said}


def test_what_nobody_sent_and_one_offset_with_two_records() -> None:
    assert core(judge(send(1, offset=0), read(2, 1)), "provenance") == [1]
    assert core(judge(send(1, offset=0), send(2), read(2, 0)), "provenance") == [0, 2]
    assert core(judge(send(1, acknowledged=False), read(1, 0)), "provenance") == [1]
    assert core(judge(send(641, offset=537), send(645, offset=537)), "provenance") == [0, 1]
    assert verdicts(judge(send(1, offset=0)))["provenance"] == "vacuous"


def test_two_readers_see_two_records_at_one_offset_whoever_sent_them() -> None:
    assert core(judge(read(1, 0), read(2, 0, reader="mirror")), "provenance") == [0, 1]
    row = judge(read(1, 0), read(1, 0, reader="mirror")).of("provenance")
    assert row is not None and (row.verdict, row.reason) == ("vacuous", "not judged: no sends are recorded")


def test_a_record_in_a_partition_that_nobody_sent_to() -> None:
    """Of another partition of its topic a send is known: so are all. Of another topic: who sends to it was not seen."""
    sent = [send(1, offset=0), read(1, 0)]
    assert core(judge(*sent, read(1, 0, "p-1")), "provenance") == [2]
    result = judge(*sent, read(77, 0, "q-0"), end(), end("q-0"))
    row = result.of("provenance")
    assert row is not None and result.exit_code == 4
    assert row.reason == "not judged: reads of q, to which no sends are recorded"
    many = judge(*sent, *(read(1, 0, f"q{n}-0") for n in range(5))).of("provenance")
    assert many is not None and "reads of q0, q1, q2 and 2 more, to which no sends" in many.reason
    broken = judge(*sent, read(77, 0, "q-0"), read(2, 1))
    row = broken.of("provenance")
    assert core(broken, "provenance") == [3]
    assert row is not None and row.reason == "not judged: reads of q, to which no sends are recorded"


def test_nothing_at_all_is_vacuous() -> None:
    assert (judge().verdict, judge().exit_code) == ("vacuous", 4)


def test_out_of_time_is_undecided_and_never_holds() -> None:
    history = Simulation(random.Random(0), 30).history()
    result = audit(history, seconds=1e-9)
    assert {j.verdict for j in result.judgements} == {"undecided"} and result.exit_code == 3


# --- what is correct, and what is spoiled


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 25), st.booleans(), st.booleans())
def test_what_a_correct_kafka_does_is_explained(seed: int, size: int, offsets: bool, inputs: bool) -> None:
    history = Simulation(random.Random(seed), size, offsets, inputs).history()
    assert audit(history).verdict != "violated"


def test_what_is_spoiled_is_rejected() -> None:
    """At least 95 of 100 of each kind of mutation that changes the meaning."""
    made: Counter[str] = Counter()
    rejected: Counter[str] = Counter()
    for seed in range(100):
        dice = random.Random(seed)
        history = Simulation(dice, dice.randint(3, 20), dice.random() < 0.6, dice.random() < 0.4).history()
        for name, spoiled in mutants(history, dice):
            made[name] += 1
            rejected[name] += audit(spoiled).verdict == "violated"
    assert sum(made.values()) >= 200 and set(made) == {mutation.__name__ for mutation in MUTATIONS}
    for name, count in made.items():
        assert rejected[name] >= 0.95 * count, f"{name}: {rejected[name]} of {count}"


# --- the same without Z3

PARTITIONS, VALUES, OFFSETS = (
    st.sampled_from(["p-0", "p-0", "p-1", "q-0"]),
    st.integers(1, 2),
    st.sampled_from([None, 0, 1, 2]),
)
TRANSACTIONS = st.sampled_from(["t", "u"])
EVENTS = st.one_of(
    st.builds(
        Send,
        event=st.just(0),
        partition=PARTITIONS,
        value=VALUES,
        by=st.sampled_from(["", "a", "b"]),
        transaction=st.one_of(st.none(), TRANSACTIONS),
        acknowledged=st.sampled_from([True, True, None, False]),
        offset=OFFSETS,
    ),
    st.builds(
        Read,
        event=st.just(0),
        reader=st.sampled_from(["r", "s"]),
        partition=PARTITIONS,
        value=VALUES,
        offset=OFFSETS,
        marker=st.sampled_from([None, None, None, "commit", "abort", "none"]),
    ),
    *(
        st.builds(kind, event=st.just(0), transaction=TRANSACTIONS)
        for kind in (Commit, Abort, Committed, Aborted)
    ),
    st.builds(
        End,
        event=st.just(0),
        reader=st.sampled_from(["r", "s"]),
        partition=PARTITIONS,
        below=st.sampled_from([None, None, 1]),
    ),
    st.builds(
        Reader,
        event=st.just(0),
        reader=st.sampled_from(["r", "s"]),
        isolation=st.sampled_from(["read_committed", "read_uncommitted"]),
    ),
    st.builds(Restart, event=st.just(0), reader=st.sampled_from(["r", "s"])),
    st.builds(Input, event=st.just(0), value=VALUES, partition=st.sampled_from([None, "in-0"])),
    st.builds(
        Log,
        event=st.just(0),
        partition=PARTITIONS,
        offset=st.integers(0, 2),
        marker=st.sampled_from(["commit", "abort"]),
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(EVENTS, max_size=9))
def test_a_judge_that_tries_everything_agrees(events: list[Event]) -> None:
    history = numbered(events)
    result = audit(history)
    said = {
        name: any(j.verdict == "violated" for j in result.judgements if j.base == name) for name in GUARANTEES
    }
    reference = Reference(history)
    assert said == reference.violated()
    held = any(j.verdict == "holds" for j in result.judgements if j.base == "provenance")
    assert held == (reference.origins_known() and not said["provenance"])
