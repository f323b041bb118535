"""The spec that `eoscheck init` writes: a whole pipeline with comments, to be changed line by line."""

from __future__ import annotations

SPEC = """\
# Payments: orders are read, enriched, and written to `payments`, exactly once
#
# Change it to be your pipeline, then: eoscheck explore THIS_FILE
# Settings are Kafka's own, with Kafka's own defaults. Every section but `topics` may be left out.

kafka: {version: "3.9"}           # what brokers and clients do differs by release

topics:
  orders: {records: 2}            # two records lie in it from the start; also: partitions
  payments:                       # read by nobody else, so a read_committed reader is put at its end

# Applications that send what they get from outside Kafka.
# producers:
#   shop: {to: orders, records: 2, config: shop.properties}

# Consume, transform, produce.
processors:
  enricher:
    instances: 2
    from: orders
    to: payments
    # Settings, or the name of the file that you have: .properties, librdkafka .json, Spring application.yml
    producer: {transactional.id: "enricher-${instance}"}
    consumer: {isolation.level: read_committed, enable.auto.commit: false, auto.offset.reset: earliest}
    # Where the position is committed: in-transaction, before-transaction, after-transaction,
    # before-processing, after-processing, auto, in-store
    offsets: in-transaction
    # store: ledger               # a row per record, written while processing
    # lookup: rates               # a value asked for while processing, that may change

# Consumers whose processing is the effect.
# consumers:
#   billing: {from: orders, config: {enable.auto.commit: false}, offsets: after-processing}

# Who looks at the end. Mind Kafka's default, read_uncommitted.
# readers:
#   audit: {topics: [payments], isolation.level: read_committed}

# stores:
#   ledger: {write: insert}       # or upsert, dedupe, offsets, outbox, two-phase
# lookups:
#   rates: {versions: 2}

# What may go wrong in one execution, and how often. All of them: eoscheck explain faults
faults:
  crash: 1
  pause: {budget: 1, where: [enricher]}
  lost-response: 1

# `faults`: how many of them one execution may contain in all; 2 takes many times as long.
# Limits of the search may stand here too (states, depth, seconds, memory.mb); a search that is cut short says so.
bounds: {faults: 1, seconds: 300}

# What `eoscheck check` holds the verdicts against.
expect:
  no-loss: holds
  no-duplicates: holds
  atomic-visibility: holds
"""
