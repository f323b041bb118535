"""The words of Kafka's protocol that the model uses, spelled as Kafka spells them."""

from __future__ import annotations

import enum


class Api(enum.Enum):
    """Requests that change something at a broker. EndTxn is split by its result."""

    PRODUCE = "Produce"
    INIT_PRODUCER_ID = "InitProducerId"
    ADD_PARTITIONS = "AddPartitionsToTxn"
    ADD_OFFSETS = "AddOffsetsToTxn"
    TXN_OFFSET_COMMIT = "TxnOffsetCommit"
    COMMIT = "EndTxn(commit)"
    ABORT = "EndTxn(abort)"
    OFFSET_COMMIT = "OffsetCommit"


class Error(enum.Enum):
    """What a client gets back. NO_ANSWER is no error code: the request timed out or the connection broke."""

    NONE = 0
    NO_ANSWER = 1
    NOT_ENOUGH_REPLICAS = 2
    OUT_OF_ORDER_SEQUENCE_NUMBER = 3
    INVALID_PRODUCER_EPOCH = 4
    INVALID_TXN_STATE = 5
    PRODUCER_FENCED = 6
    ILLEGAL_GENERATION = 7
    DELIVERY_TIMEOUT = 8


class Status(enum.Enum):
    """States of a transactional.id (`TransactionState`)."""

    EMPTY = "Empty"
    ONGOING = "Ongoing"
    PREPARE_COMMIT = "PrepareCommit"
    PREPARE_ABORT = "PrepareAbort"
    COMPLETE_COMMIT = "CompleteCommit"
    COMPLETE_ABORT = "CompleteAbort"


class Kind(enum.Enum):
    """What a record of a log is: data, or one of the two control records that end a transaction."""

    DATA = "data"
    COMMIT = "COMMIT"
    ABORT = "ABORT"


class Membership(enum.Enum):
    """A member as the group coordinator sees it. Whoever joins after it was removed is a new member, with another
    member id; a process that comes back sooner still has its old membership besides, until that expires."""

    OUT = "out"
    NEW = "joining as a new member"
    JOINING = "joining"
    IN = "in"


class Phase(enum.Enum):
    """Where the one outstanding request of a connection is."""

    IDLE = "idle"
    SENT = "sent"
    APPENDED = "appended, not yet replicated"
    ANSWERED = "answered"


class At(enum.Enum):
    """Where a client application is in its loop; the next thing it does."""

    DOWN = "down"
    STOPPED = "stopped for good"
    INIT = "initTransactions"
    JOIN = "joining the group"
    FETCH = "fetching the committed offset"
    POLL = "poll"
    LOOKUP = "lookup"
    CHECK = "looking for the message id"
    STORE = "writing to the store"
    PUBLISH = "committing the outbox row"
    ADD_PARTITIONS = "adding partitions to the transaction"
    PRODUCE = "send"
    ADD_OFFSETS = "adding the offsets topic to the transaction"
    SEND_OFFSETS = "sendOffsetsToTransaction"
    COMMIT = "commitTransaction"
    OFFSET_COMMIT = "commitSync"
    SAVE = "saving the source position"
    ABORT = "abortTransaction"
    BUMP = "bumping the epoch"
