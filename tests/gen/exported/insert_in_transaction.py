r"""no-duplicates@ledger is violated: input 1 has its effect twice at ledger.

A database insert inside the loop, with a Kafka transaction around it (hazard A13).

No input has its effect twice at the sink.

pipeline  orders -> enricher x 2 (offsets in-transaction) -> payments, ledger (insert)
trace     no-duplicates@ledger.json, SHA-256 0123456789ab...
Kafka     3.9.1, which does what the spec says of Kafka 3.9

Found and written by
    eoscheck explore specs/stores/insert-in-transaction.yaml \
        --property no-duplicates@ledger
    eoscheck export no-duplicates@ledger.json -o test_it.py
"""

import pytest


@pytest.mark.eos_anomaly("no-duplicates@ledger", kafka="3.9.1")
def test_no_duplicates_at_ledger_is_violated(kafka):
    """Passes if Kafka does at every step, and shows in the end, what is said here."""
    with kafka.run() as run:
        run.topic("orders", inputs=[[1]])
        run.topic("payments")
        enricher_1 = run.client(
            "enricher-1",
            transactional_id="enricher-1",
            isolation="read_committed",
        )
        enricher_2 = run.client(
            "enricher-2",
            transactional_id="enricher-2",
            isolation="read_committed",
        )
        enricher_group = run.group(
            "enricher",
            reads=["orders-0"],
            members=["enricher-1", "enricher-2"],
        )
        run.reader("payments", "read_committed")
        ledger = run.store("ledger", "insert")
        run.begins(
            initialised=["enricher-1", "enricher-2"],
            shares={"enricher": {"orders-0": "enricher-1"}},
        )

        #  1  enricher-1 polls input 1 (offset 0 of orders-0)
        enricher_1.polls("orders-0", 0, gives=1)
        #  2  enricher-1 writes input 1 to ledger, committed there at once
        ledger.insert("enricher-1", 1)
        #  3  FAULT pause: enricher-1 is paused for too long and removed from
        #     group:enricher; it does not know
        enricher_group.loses("enricher-1")
        #  4  group:enricher rebalances to generation 2: partition 0 to enricher-2
        enricher_group.rebalances({"orders-0": "enricher-2"}, generation=2)
        #  5  enricher-2 will continue at offset 0 of orders-0
        enricher_2.fetches_offset("orders-0", stable=True, gives=None)
        enricher_2.resets("orders-0", "earliest", gives=0)
        #  6  enricher-2 polls input 1 (offset 0 of orders-0)
        enricher_2.polls("orders-0", 0, gives=1)
        #  7  enricher-2 writes input 1 to ledger, committed there at once
        ledger.insert("enricher-2", 1)

        # in the end: input 1 has its effect twice at ledger
        run.must_see(
            {
                "stores": {"ledger": {"rows": [1, 1]}},
                "readers": {"payments": {"payments-0": []}},
                "partitions": {
                    "payments-0": {
                        "records": [],
                        "outcomes": [],
                        "high_watermark": 0,
                        "last_stable_offset": 0,
                        "producers": {},
                    },
                },
                "groups": {"enricher": {"committed": {"0": None}, "pending": []}},
                "transactions": {
                    "enricher-1": {"state": "Empty", "epoch": 0},
                    "enricher-2": {"state": "Empty", "epoch": 0},
                },
            }
        )
        run.must_be_judged(
            violated=["no-duplicates@ledger"],
            places={"payments": {"payments": ["payments-0"]}},
            origins={"orders-0": [1]},
        )
