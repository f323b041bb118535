"""What a real broker does: facts that the model once had otherwise, and shortcuts of the replay beside the real thing.

Each of the first kind was a divergence between model and broker. Kafka was right.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from eoscheck.gen.kafka.wire import error_name, request
from eoscheck.gen.replay.calls import Call
from eoscheck.gen.replay.conform import of_release
from eoscheck.gen.replay.plan import Planner
from eoscheck.gen.replay.replayer import plan_path, replay
from eoscheck.gen.replay.speech import SESSION, until
from eoscheck.gen.replay.testbed import Testbed
from eoscheck.model.loader import load
from eoscheck.model.pipeline import build

SPECS = Path(__file__).resolve().parents[3] / "specs"
pytestmark = pytest.mark.kafka


def replayed(testbed: Testbed, spec: str, labels: str) -> None:
    """Replay an execution, given by its actions, one a line, and compare everything after every step."""
    pipeline = build(of_release(load(SPECS / spec), testbed))
    actions = [line.strip() for line in labels.strip().splitlines()]
    report = replay(testbed, plan_path(pipeline, actions), every_step=True)
    assert report.good, f"{report.text}\n" + "\n".join(report.timeline)


@pytest.mark.parametrize("kafka", ["4.1.2:tv2", "4.3.1:tv2"])
def test_offsets_that_the_group_refuses_have_joined_the_transaction(
    kafka: str, testbeds: Callable[[str], Testbed]
) -> None:
    """TxnOffsetCommit adds the offsets topic before the group is asked, so it gets a marker though nothing is in it
    (`GroupCoordinatorService.commitTransactionalOffsets`). The model asked the group first."""
    replayed(
        testbeds(kafka),
        "protocol/b3-delayed-endtxn-fixed.yaml",
        """
        enricher.poll(0)
        enricher.produce(0)
        payments-0.append(enricher:wire, 0)
        enricher.receive(PRODUCE)
        group:enricher.remove_paused(enricher)
        enricher.send_offsets()
        group:enricher.commit_transactional(enricher:wire)
        enricher.receive(SEND_OFFSETS)
        enricher.abort_transaction()
        txn:enricher.end_transaction(enricher:wire, ABORT)
        txn:enricher.write_marker(payments-0)
        txn:enricher.write_marker(__consumer_offsets:enricher-0)
        txn:enricher.complete()
        """,
    )


@pytest.mark.parametrize(
    ("kafka", "answer"),
    [
        ("3.9.1", "PRODUCER_FENCED"),
        ("4.1.2:tv0", "CONCURRENT_TRANSACTIONS"),
        ("4.3.1:tv0", "CONCURRENT_TRANSACTIONS"),
    ],
)
def test_a_coordinator_that_completes_says_so_before_it_looks_at_the_epoch(
    kafka: str, answer: str, testbeds: Callable[[str], Testbed]
) -> None:
    """Since 4.0 (KAFKA-18660) a fenced producer waits for the completion of the transaction that it was fenced from.
    The model fenced it at once."""
    with testbeds(kafka).run() as run:
        run.topic("payments")
        old, new = (run.client(name, transactional_id="shop") for name in ("old", "new"))
        run.begins(initialised=["old"])
        old.add_partitions("payments-0", epoch=0, answers="NONE")
        new.init_producer_id(answers="CONCURRENT_TRANSACTIONS")
        old.add_partitions("payments-0", epoch=0, answers=answer)
        run.transactions["shop"].writes_marker("payments-0", written=True)
        run.transactions["shop"].completes(state="CompleteAbort")
        old.add_partitions("payments-0", epoch=0, answers="PRODUCER_FENCED")


def test_a_retried_marker_is_written_a_second_time(testbeds: Callable[[str], Testbed]) -> None:
    """With KIP-1228 a marker of the epoch that is there already, while nothing is open, counts as a retry and is
    appended once more (KAFKA-19999, `ProducerAppendInfo.checkProducerEpoch`). The model swallowed it."""
    with testbeds("4.3.1:tv2").run() as run:
        run.topic("payments")
        shop = run.client("shop", transactional_id="shop")
        run.begins(initialised=["shop"])
        shop.produce("payments-0", 1, sequence=0, epoch=0, answers="NONE", offset=0)
        shop.commit_transaction(epoch=0, answers="NONE", now=1)
        transaction = run.transactions["shop"]
        transaction.keeps_marker_back("payments-0")
        transaction.writes_marker("payments-0", written=True)
        transaction.completes(state="CompleteCommit")
        transaction.delivers_marker_late("payments-0", written=True)
        run.must_see({"partitions": {"payments-0": {"records": [1, "COMMIT", "COMMIT"]}}})
        shop.produce("payments-0", 2, sequence=0, epoch=1, answers="NONE", offset=3)


@pytest.mark.parametrize("kafka", ["3.9.1", "4.3.1:tv2"])
def test_who_joins_after_being_removed_is_a_new_member(
    kafka: str, testbeds: Callable[[str], Testbed]
) -> None:
    """A commit of the old member that comes late is refused, though its process is joining and the generation is
    still the old one. The model knew one member for each process."""
    replayed(
        testbeds(kafka),
        "hazards/a12-late-offset-commit-regress-broken.yaml",
        """
        billing.poll(0)
        billing.commit_offsets()
        billing:wire.delay_request()
        environment.crash(billing)
        group:billing.session_timeout(billing)
        billing.start()
        group:billing.commit_offset_late(billing:wire)
        group:billing.rebalance((1,))
        """,
    )


@pytest.mark.parametrize("kafka", ["3.9.1", "4.1.2:tv2"])
def test_a_timeout_that_is_forced_is_like_one_that_passes(
    kafka: str, testbeds: Callable[[str], Testbed]
) -> None:
    """A replay does not wait for transaction.timeout.ms. Here it does, and the same is to be seen."""
    seen = []
    for passes in (True, False):
        with testbeds(kafka).run() as run:
            run.topic("payments")
            shop = run.client("shop", transactional_id="shop")
            shop.timeout = 300 if passes else 60_000
            run.begins(initialised=["shop"])
            if not run.speech.tv2:
                shop.add_partitions("payments-0", epoch=0, answers="NONE")
            shop.produce("payments-0", 1, sequence=0, epoch=0, answers="NONE")
            transaction = run.transactions["shop"]
            if passes:
                until("the timeout", lambda t=transaction: t.state()[0] == "PrepareAbort")
            else:
                transaction.times_out(epoch=1)
            transaction.writes_marker("payments-0", written=True)
            transaction.completes(state="CompleteAbort")
            shop.produce("payments-0", 2, sequence=1, epoch=0, answers="INVALID_PRODUCER_EPOCH")
            seen.append((transaction.state(), run.observe({"partitions": {"payments-0": {"records": []}}})))
    assert seen[0] == seen[1]
    assert seen[0][0] == ("CompleteAbort", 1)


def test_a_member_that_is_taken_out_is_like_one_whose_session_ends(
    testbeds: Callable[[str], Testbed],
) -> None:
    """A replay sends LeaveGroup in the name of a dead member. Here session.timeout.ms passes, and its commits are
    refused in the same way."""
    errors = []
    for passes in (True, False):
        with testbeds("3.9.1").run() as run:
            run.topic("orders", inputs=[[1]])
            app = run.client("app", idempotence=False)
            group = run.group("app", reads=["orders-0"], members=["app"])
            run.begins(shares={"app": {"orders-0": "app"}})
            if passes:
                member = group.members["app"]
                join = run.speech.join(group.id, member.id)
                connection = run.connect("app")
                short = request(
                    "JoinGroup",
                    7,
                    **{f: getattr(join, f) for f in ("group_id", "member_id", "protocol_type")},
                    session_timeout=300,
                    rebalance_timeout=SESSION,
                    protocols=[{"name": "eoscheck", "metadata": b""}],
                )
                generation = connection.call(short).generation_id
                connection.call(run.speech.sync(group.id, member.id, generation, {member.id: b""}))
                time.sleep(1.0)  # the session ends
                group.members.clear()
            else:
                generation = 1
                group.loses("app")
            member_id, real = group.credentials(app, 1)
            place = run.place("orders-0")
            late = run.speech.offset_commit(group.id, member_id, real if not passes else generation, place, 1)
            errors.append(error_name(app.connection().call(late).topics[0].partitions[0].error_code))
    assert errors == ["UNKNOWN_MEMBER_ID", "UNKNOWN_MEMBER_ID"]


def test_a_marker_that_nobody_asks_for_is_a_divergence(testbeds: Callable[[str], Testbed]) -> None:
    testbed = testbeds("3.9.1")
    pipeline = build(of_release(load(SPECS / "transactions" / "consume-process-produce.yaml"), testbed))
    plan = plan_path(pipeline, ["enricher-1.poll(0)"])
    marker = Call("transaction", "enricher-1", "writes_marker", ("payments-0",), {"written": True})
    wrong = dataclasses.replace(plan, steps=[dataclasses.replace(plan.steps[0], calls=(marker,))])
    report = replay(testbed, wrong)
    assert (report.outcome, report.step) == ("diverged", 1) and "was not asked for" in report.text


def test_what_is_looked_for_must_exist(testbeds: Callable[[str], Testbed]) -> None:
    with testbeds("3.9.1").run() as run:
        run.topic("payments")
        run.begins()
        with pytest.raises(ValueError, match="recods"):
            run.must_see({"partitions": {"payments-0": {"recods": []}}})


def test_a_step_that_cannot_happen_is_refused() -> None:
    planner = Planner(build(load(SPECS / "transactions" / "consume-process-produce.yaml")))
    with pytest.raises(ValueError, match="cannot happen"):
        planner.take("txn:enricher-1.complete()")
    with pytest.raises(ValueError, match="has no action"):
        planner.take("nobody.nothing()")
