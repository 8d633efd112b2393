"""Non-INVITE client transaction (RFC 3261 §17.1.2, figure 6). Pure."""

from __future__ import annotations

from typing import Final

from splitter.sip.transactions.table import Action, Event, Step, TransactionState, Transitions

_FINISH = Step((Action.DELIVER,), TransactionState.COMPLETED, start=(Event.K,))
_TIME_OUT = Step((Action.REPORT_TIMEOUT,), TransactionState.TERMINATED)
_FAIL = Step((Action.REPORT_TRANSPORT,), TransactionState.TERMINATED)

NON_INVITE_CLIENT: Final[Transitions] = {
    TransactionState.TRYING: {
        Event.START: Step((Action.SEND,), TransactionState.TRYING, start=(Event.E, Event.F)),
        Event.E: Step((Action.RESEND, Action.BACK_OFF), TransactionState.TRYING),
        Event.F: _TIME_OUT,
        Event.TRANSPORT_ERROR: _FAIL,
        Event.PROVISIONAL: Step((Action.DELIVER,), TransactionState.PROCEEDING, keep=(Event.E, Event.F)),
        Event.SUCCESS: _FINISH,
        Event.REFUSAL: _FINISH,
    },
    TransactionState.PROCEEDING: {
        Event.E: Step((Action.RESEND, Action.SLOW_DOWN), TransactionState.PROCEEDING),
        Event.F: _TIME_OUT,
        Event.TRANSPORT_ERROR: _FAIL,
        Event.PROVISIONAL: Step((Action.DELIVER,), TransactionState.PROCEEDING),
        Event.SUCCESS: _FINISH,
        Event.REFUSAL: _FINISH,
    },
    # Absorbs retransmitted final responses.
    TransactionState.COMPLETED: {
        Event.K: Step((), TransactionState.TERMINATED),
    },
}
