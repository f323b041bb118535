"""Kafka's client settings: those that matter to delivery, and the others, to tell a word from a typing error.

Sources: ProducerConfig, ConsumerConfig, CommonClientConfigs, SslConfigs and SaslConfigs of apache/kafka
up to 4.1, and CONFIGURATION.md of librdkafka 2.x.
"""

from __future__ import annotations

PRODUCER_KEYS = frozenset(
    {
        "acks",
        "enable.idempotence",
        "retries",
        "max.in.flight.requests.per.connection",
        "transactional.id",
        "transaction.timeout.ms",
        "transaction.two.phase.commit.enable",
        "delivery.timeout.ms",
        "request.timeout.ms",
        "linger.ms",
    }
)
CONSUMER_KEYS = frozenset(
    {
        "group.id",
        "isolation.level",
        "enable.auto.commit",
        "auto.offset.reset",
        "group.protocol",
        "group.remote.assignor",
        "require.stable",
        "session.timeout.ms",
        "heartbeat.interval.ms",
        "partition.assignment.strategy",
    }
)
# Read for Kafka's cross checks only: they decide nothing in the model, and a note says so.
CHECKED_KEYS = frozenset(
    {
        "delivery.timeout.ms",
        "request.timeout.ms",
        "linger.ms",
        "group.remote.assignor",
        "session.timeout.ms",
        "heartbeat.interval.ms",
        "partition.assignment.strategy",
    }
)

_COMMON = """
    allow.auto.create.topics auto.include.jmx.reporter bootstrap.servers client.dns.lookup client.id
    client.rack connections.max.idle.ms default.api.timeout.ms enable.metrics.push interceptor.classes
    metadata.max.age.ms metadata.recovery.rebootstrap.trigger.ms metadata.recovery.strategy
    metric.reporters metrics.num.samples metrics.recording.level metrics.sample.window.ms
    receive.buffer.bytes reconnect.backoff.max.ms reconnect.backoff.ms retry.backoff.max.ms
    retry.backoff.ms security.protocol security.providers send.buffer.bytes
    socket.connection.setup.timeout.max.ms socket.connection.setup.timeout.ms
    sasl.client.callback.handler.class sasl.jaas.config sasl.kerberos.kinit.cmd
    sasl.kerberos.min.time.before.relogin sasl.kerberos.service.name sasl.kerberos.ticket.renew.jitter
    sasl.kerberos.ticket.renew.window.factor sasl.login.callback.handler.class sasl.login.class
    sasl.login.connect.timeout.ms sasl.login.read.timeout.ms sasl.login.refresh.buffer.seconds
    sasl.login.refresh.min.period.seconds sasl.login.refresh.window.factor
    sasl.login.refresh.window.jitter sasl.login.retry.backoff.max.ms sasl.login.retry.backoff.ms
    sasl.mechanism sasl.oauthbearer.assertion.algorithm sasl.oauthbearer.assertion.claim.aud
    sasl.oauthbearer.assertion.claim.exp.seconds sasl.oauthbearer.assertion.claim.iss
    sasl.oauthbearer.assertion.claim.jti.include sasl.oauthbearer.assertion.claim.nbf.seconds
    sasl.oauthbearer.assertion.claim.sub sasl.oauthbearer.assertion.file
    sasl.oauthbearer.assertion.private.key.file sasl.oauthbearer.assertion.private.key.passphrase
    sasl.oauthbearer.assertion.template.file sasl.oauthbearer.client.credentials.client.id
    sasl.oauthbearer.client.credentials.client.secret sasl.oauthbearer.clock.skew.seconds
    sasl.oauthbearer.expected.audience sasl.oauthbearer.expected.issuer sasl.oauthbearer.header.urlencode
    sasl.oauthbearer.jwks.endpoint.refresh.ms sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms
    sasl.oauthbearer.jwks.endpoint.retry.backoff.ms sasl.oauthbearer.jwks.endpoint.url
    sasl.oauthbearer.jwt.retriever.class sasl.oauthbearer.jwt.validator.class sasl.oauthbearer.scope
    sasl.oauthbearer.scope.claim.name sasl.oauthbearer.sub.claim.name sasl.oauthbearer.token.endpoint.url
    ssl.cipher.suites ssl.enabled.protocols ssl.endpoint.identification.algorithm ssl.engine.factory.class
    ssl.key.password ssl.keymanager.algorithm ssl.keystore.certificate.chain ssl.keystore.key
    ssl.keystore.location ssl.keystore.password ssl.keystore.type ssl.protocol ssl.provider
    ssl.secure.random.implementation ssl.trustmanager.algorithm ssl.truststore.certificates
    ssl.truststore.location ssl.truststore.password ssl.truststore.type
"""

_PRODUCER = """
    batch.size buffer.memory compression.gzip.level compression.lz4.level compression.type
    compression.zstd.level key.serializer max.block.ms max.request.size metadata.max.idle.ms
    partitioner.adaptive.partitioning.enable partitioner.availability.timeout.ms partitioner.class
    partitioner.ignore.keys partitioner.rack.aware value.serializer internal.auto.downgrade.txn.commit
"""

_CONSUMER = """
    auto.commit.interval.ms check.crcs exclude.internal.topics fetch.max.bytes fetch.max.wait.ms
    fetch.min.bytes group.instance.id internal.leave.group.on.close
    internal.throw.on.fetch.stable.offset.unsupported key.deserializer max.partition.fetch.bytes
    max.poll.interval.ms max.poll.records request.timeout.ms share.acknowledgement.mode value.deserializer
"""

_LIBRDKAFKA = """
    api.version.fallback.ms api.version.request api.version.request.timeout.ms auto.commit.enable
    background_event_cb batch.num.messages broker.address.family broker.address.ttl
    broker.version.fallback builtin.features closesocket_cb compression.codec compression.level connect_cb
    consume.callback.max.messages consume_cb coordinator.query.interval.ms debug
    delivery.report.only.error dr_cb dr_msg_cb enable.gapless.guarantee enable.partition.eof
    enable.random.seed enable.sasl.oauthbearer.unsecure.jwt enable.ssl.certificate.verification
    enabled_events error_cb fetch.error.backoff.ms fetch.message.max.bytes fetch.queue.backoff.ms
    fetch.wait.max.ms group.protocol.type https.ca.location https.ca.pem interceptors
    internal.termination.signal log.connection.close log.queue log.thread.name log_cb log_level
    message.copy.max.bytes message.max.bytes message.timeout.ms metadata.broker.list msg_order_cmp
    oauthbearer_token_refresh_cb offset.store.method offset.store.path offset.store.sync.interval.ms
    offset_commit_cb opaque open_cb partitioner partitioner_cb plugin.library.paths produce.offset.report
    queue.buffering.backpressure.threshold queue.buffering.max.kbytes queue.buffering.max.messages
    queue.buffering.max.ms queued.max.messages.kbytes queued.min.messages queuing.strategy rebalance_cb
    receive.message.max.bytes reconnect.backoff.jitter.ms request.timeout.ms resolve_cb
    sasl.kerberos.keytab sasl.kerberos.principal sasl.mechanisms
    sasl.oauthbearer.assertion.jwt.template.file sasl.oauthbearer.assertion.private.key.pem
    sasl.oauthbearer.client.id sasl.oauthbearer.client.secret sasl.oauthbearer.config
    sasl.oauthbearer.extensions sasl.oauthbearer.grant.type sasl.oauthbearer.metadata.authentication.type
    sasl.oauthbearer.method sasl.password sasl.username socket.blocking.max.ms socket.keepalive.enable
    socket.max.fails socket.nagle.disable socket.receive.buffer.bytes socket.send.buffer.bytes
    socket.timeout.ms socket_cb ssl.ca.certificate.stores ssl.ca.location ssl.ca.pem
    ssl.certificate.location ssl.certificate.pem ssl.certificate.verify_cb ssl.crl.location
    ssl.curves.list ssl.engine.id ssl.engine.location ssl.key.location ssl.key.pem ssl.providers
    ssl.sigalgs.list ssl_ca ssl_certificate ssl_engine_callback_data ssl_key statistics.interval.ms
    stats_cb sticky.partitioning.linger.ms throttle_cb topic.blacklist topic.metadata.propagation.max.ms
    topic.metadata.refresh.fast.cnt topic.metadata.refresh.fast.interval.ms
    topic.metadata.refresh.interval.ms topic.metadata.refresh.sparse
"""

PRODUCER_IRRELEVANT = frozenset((_COMMON + _PRODUCER).split())
CONSUMER_IRRELEVANT = frozenset((_COMMON + _CONSUMER).split())
LIBRDKAFKA_IRRELEVANT = frozenset((_COMMON + _PRODUCER + _CONSUMER + _LIBRDKAFKA).split())
