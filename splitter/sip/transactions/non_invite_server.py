"""Non-INVITE server transaction (RFC 3261 §17.2.2, figure 8). Pure."""

from __future__ import annotations

from typing import Final

from splitter.sip.transactions.table import Action, Event, State, Step, Table

_FINISH = Step((Action.SEND,), State.COMPLETED, start=(Event.J,))
# The client has given up by then (timer F), and a late answer is forbidden (RFC 4320 §4.2).
_ABANDON = Step((), State.TERMINATED)

NON_INVITE_SERVER: Final[Table] = {
    State.TRYING: {
        Event.START: Step((), State.TRYING, start=(Event.ANSWER_LIMIT,)),
        Event.SEND_PROVISIONAL: Step((Action.SEND,), State.PROCEEDING, keep=(Event.ANSWER_LIMIT,)),
        Event.SEND_SUCCESS: _FINISH,
        Event.SEND_REFUSAL: _FINISH,
        Event.ANSWER_LIMIT: _ABANDON,
    },
    State.PROCEEDING: {
        Event.REQUEST: Step((Action.RESEND,), State.PROCEEDING),
        Event.SEND_PROVISIONAL: Step((Action.SEND,), State.PROCEEDING),
        Event.SEND_SUCCESS: _FINISH,
        Event.SEND_REFUSAL: _FINISH,
        Event.ANSWER_LIMIT: _ABANDON,
    },
    State.COMPLETED: {
        Event.REQUEST: Step((Action.RESEND,), State.COMPLETED),
        Event.TRANSPORT_ERROR: Step((), State.TERMINATED),
        Event.J: Step((), State.TERMINATED),
    },
}
