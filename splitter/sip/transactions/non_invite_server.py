"""Non-INVITE server transaction (RFC 3261 §17.2.2, figure 8). Pure."""

from __future__ import annotations

from typing import Final

from splitter.sip.transactions.table import Action, Event, Step, TransactionState, Transitions

_FINISH = Step((Action.SEND,), TransactionState.COMPLETED, start=(Event.J,))
# The client has given up by then (timer F), and a late answer is forbidden (RFC 4320 §4.2).
_ABANDON = Step((), TransactionState.TERMINATED)

NON_INVITE_SERVER: Final[Transitions] = {
    TransactionState.TRYING: {
        Event.START: Step((), TransactionState.TRYING, start=(Event.ANSWER_LIMIT,)),
        Event.SEND_PROVISIONAL: Step((Action.SEND,), TransactionState.PROCEEDING, keep=(Event.ANSWER_LIMIT,)),
        Event.SEND_SUCCESS: _FINISH,
        Event.SEND_REFUSAL: _FINISH,
        Event.ANSWER_LIMIT: _ABANDON,
    },
    TransactionState.PROCEEDING: {
        Event.REQUEST: Step((Action.RESEND,), TransactionState.PROCEEDING),
        Event.SEND_PROVISIONAL: Step((Action.SEND,), TransactionState.PROCEEDING),
        Event.SEND_SUCCESS: _FINISH,
        Event.SEND_REFUSAL: _FINISH,
        Event.ANSWER_LIMIT: _ABANDON,
    },
    TransactionState.COMPLETED: {
        Event.REQUEST: Step((Action.RESEND,), TransactionState.COMPLETED),
        Event.TRANSPORT_ERROR: Step((), TransactionState.TERMINATED),
        Event.J: Step((), TransactionState.TERMINATED),
    },
}
