"""One connection of a client to its brokers: a request goes out, is handled, and is answered, in separate steps.

That the broker did it and the client never heard is therefore an ordinary interleaving. A client that gives up on a
request (request.timeout.ms, disconnect) may have left a copy behind that is delivered zero or one time, at any later
moment: kafka-clients `NetworkClient`, and the root of KAFKA-14402, KAFKA-17754 and KIP-1228. TCP never doubles a
request, so one copy is all there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eoscheck.model.language import Array, Component, Var, action
from eoscheck.model.protocol import Api, Error, Phase
from eoscheck.model.values import ite, say, when

if TYPE_CHECKING:
    from eoscheck.model.client import Client

CURRENT, LATE = 0, 1


class Wire(Component):
    """The connection of one client process. It carries one request at a time.

    fields     domains of what a request carries (all requests of a client share the fields)
    late       whether a copy of a request may be delivered late
    answered   False for a producer with acks=0, which expects no response to Produce
    """

    def __init__(
        self, name: str, client: Client, fields: dict[str, Any], late: bool, answered: bool = True
    ) -> None:
        self.name, self.client, self.late_allowed, self.expects_answer = name, client, late, answered
        self.fields = {"api": Api, **fields}

    phase = Var(Phase)
    error = Var(Error)
    request = Var(lambda self: Array(self.fields, 1))
    copies = Var(lambda self: Array(self.fields if self.late_allowed else {"api": Api}, 1), durable=True)
    copied = Var(lambda self: range(2 if self.late_allowed else 1), durable=True)

    def send(self, api: Api, **fields: Any) -> None:
        """The client writes a request."""
        self.phase = Phase.SENT
        request = self.request[0]
        request.api = api
        for name, value in fields.items():
            setattr(request, name, value)

    def message(self, slot: int) -> Any:
        """The request in flight, or the late copy."""
        return self.request[0] if slot == CURRENT else self.copies[0]

    def arrives(self, slot: int, api: Api) -> None:
        """Guard of a broker's handler: such a request is there to be handled."""
        if slot == CURRENT:
            when(self.phase == Phase.SENT)
        else:
            when(self.copied == 1)
        when(self.message(slot).api == api)

    def answer(self, slot: int, error: Error) -> None:
        """The broker answers; nobody hears the answer to a late copy."""
        if slot == LATE:
            self.copied = 0
            self._views["copies"].reset()
        elif self._awaited():
            self.phase, self.error = Phase.ANSWERED, error
        else:
            self.close()

    def _awaited(self) -> bool:
        """With acks=0 nobody waits for the answer to Produce."""
        return self.expects_answer or bool(self.request[0].api != Api.PRODUCE)

    def close(self) -> None:
        """The exchange is over."""
        self.phase, self.error = Phase.IDLE, Error.NONE
        self._views["request"].reset()

    def drop(self, condition: Any) -> None:
        """Whoever had the request is gone, if `condition`: the client sees a disconnect."""
        lost = (self.phase == Phase.SENT) & condition
        self.error = ite(lost, Error.NO_ANSWER, self.error)
        self.phase = ite(lost, Phase.ANSWERED, self.phase)

    def _give_up(self) -> None:
        if self._awaited():
            self.phase, self.error = Phase.ANSWERED, Error.NO_ANSWER
        else:
            self.close()
        self.client.disconnected(self)

    @action(fault="lost-request")
    def lose_request(self) -> None:
        when(self.phase == Phase.SENT)
        say(f"the {self.request[0].api.value} request of {self.client.name} is lost")
        self._give_up()

    @action(fault="lost-response")
    def lose_response(self) -> None:
        when(self.phase == Phase.ANSWERED)
        when(self.error != Error.NO_ANSWER)
        say(
            f"the broker's answer to {self.request[0].api.value} is lost: {self.client.name} never hears of it"
        )
        self.error = Error.NO_ANSWER
        self.client.disconnected(self)

    @action(fault="delayed-request", only=lambda self: self.late_allowed)
    def delay_request(self) -> None:
        when(self.phase == Phase.SENT)
        when(self.copied == 0)
        say(
            f"{self.client.name} gives up on its {self.request[0].api.value} request, which is still on its way"
        )
        self.copied = 1
        for field in self.fields:
            setattr(self.copies[0], field, getattr(self.request[0], field))
        self._give_up()
