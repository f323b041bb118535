r"""no-loss@ledger is violated: input 1 never reaches ledger: everything is at rest, and
nobody will come back to it.

Commit, then process (hazard A8): at most once by construction.

Every input has its effect: none is passed over by everybody and never shows at the
sink.

pipeline  orders -> billing (offsets before-processing) -> ledger (insert)
trace     no-loss@ledger.json, SHA-256 0123456789ab...
Kafka     3.9.1, which does what the spec says of Kafka 3.9
fix       specs/hazards/a8-commit-before-process-fixed.yaml: Process, then commit: what
          removes the loss of hazard A8.

Found and written by
    eoscheck explore specs/hazards/a8-commit-before-process-broken.yaml \
        --property no-loss@ledger
    eoscheck export no-loss@ledger.json -o test_it.py
"""

import pytest


@pytest.mark.eos_anomaly("no-loss@ledger", kafka="3.9.1")
def test_no_loss_at_ledger_is_violated(kafka):
    """Passes if Kafka does at every step, and shows in the end, what is said here."""
    with kafka.run() as run:
        run.topic("orders", inputs=[[1]])
        billing = run.client("billing", idempotence=False, isolation="read_uncommitted")
        billing_group = run.group("billing", reads=["orders-0"], members=["billing"])
        run.store("ledger", "insert")
        run.begins(shares={"billing": {"orders-0": "billing"}})

        #  1  billing polls input 1 (offset 0 of orders-0)
        billing.polls("orders-0", 0, gives=1)
        #  2  billing sends OffsetCommit
        #  3  group:billing stores offset 1 for partition 0
        billing.commit_offset("orders-0", 1, generation=1, answers="NONE")
        #  4  FAULT crash: billing crashes; what it had in memory is gone
        billing.crashes()
        #  5  billing starts again
        billing.starts()
        billing_group.joins("billing")
        #  6  group:billing rebalances to generation 2: partition 0 to billing
        billing_group.rebalances({"orders-0": "billing"}, generation=2)
        #  7  billing will continue at offset 1 of orders-0
        billing.fetches_offset("orders-0", stable=True, gives=1)

        # in the end: input 1 never reaches ledger: everything is at rest, and nobody
        # will come back to it
        run.must_see(
            {
                "stores": {"ledger": {"rows": []}},
                "groups": {"billing": {"committed": {"0": 1}, "pending": []}},
            }
        )
        run.must_be_judged(
            violated=["no-loss@ledger"],
            origins={"orders-0": [1]},
            due={1: ["ledger"]},
        )


@pytest.mark.eos_guarantee("no-loss@ledger", kafka="3.9.1")
def test_no_loss_at_ledger_is_kept_with_the_fix(kafka):
    """The same schedule under specs/hazards/a8-commit-before-process-fixed.yaml, as
    far as that has its steps, and on until everything is at rest. Passes if Kafka
    does what is said here, which keeps the property.
    """
    with kafka.run() as run:
        run.topic("orders", inputs=[[1]])
        billing = run.client("billing", idempotence=False, isolation="read_uncommitted")
        billing_group = run.group("billing", reads=["orders-0"], members=["billing"])
        ledger = run.store("ledger", "insert")
        run.begins(shares={"billing": {"orders-0": "billing"}})

        #  1  billing polls input 1 (offset 0 of orders-0)
        billing.polls("orders-0", 0, gives=1)
        #  2  billing writes input 1 to ledger, committed there at once
        ledger.insert("billing", 1)
        #  3  billing sends OffsetCommit
        #  4  group:billing stores offset 1 for partition 0
        billing.commit_offset("orders-0", 1, generation=1, answers="NONE")
        #  5  FAULT crash: billing crashes; what it had in memory is gone
        billing.crashes()
        #  6  billing starts again
        billing.starts()
        billing_group.joins("billing")
        #  7  group:billing rebalances to generation 2: partition 0 to billing
        billing_group.rebalances({"orders-0": "billing"}, generation=2)
        #  8  billing will continue at offset 1 of orders-0
        billing.fetches_offset("orders-0", stable=True, gives=1)

        # in the end, at rest
        run.must_see(
            {
                "stores": {"ledger": {"rows": [1]}},
                "groups": {"billing": {"committed": {"0": 1}, "pending": []}},
            },
            never={"stores": {"ledger": {"rows": []}}},
        )
        run.must_be_judged(violated=[], origins={"orders-0": [1]}, due={1: ["ledger"]})
