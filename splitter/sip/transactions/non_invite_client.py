"""Non-INVITE client transaction (RFC 3261 §17.1.2, figure 6). Pure."""

from __future__ import annotations

from typing import Final

from splitter.sip.transactions.table import Action, Event, State, Step, Table

_FINISH = Step((Action.DELIVER,), State.COMPLETED, start=(Event.K,))
_TIME_OUT = Step((Action.REPORT_TIMEOUT,), State.TERMINATED)
_FAIL = Step((Action.REPORT_TRANSPORT,), State.TERMINATED)

NON_INVITE_CLIENT: Final[Table] = {
    State.TRYING: {
        Event.START: Step((Action.SEND,), State.TRYING, start=(Event.E, Event.F)),
        Event.E: Step((Action.RESEND, Action.BACK_OFF), State.TRYING),
        Event.F: _TIME_OUT,
        Event.TRANSPORT_ERROR: _FAIL,
        Event.PROVISIONAL: Step((Action.DELIVER,), State.PROCEEDING, keep=(Event.E, Event.F)),
        Event.SUCCESS: _FINISH,
        Event.REFUSAL: _FINISH,
    },
    State.PROCEEDING: {
        Event.E: Step((Action.RESEND, Action.SLOW_DOWN), State.PROCEEDING),
        Event.F: _TIME_OUT,
        Event.TRANSPORT_ERROR: _FAIL,
        Event.PROVISIONAL: Step((Action.DELIVER,), State.PROCEEDING),
        Event.SUCCESS: _FINISH,
        Event.REFUSAL: _FINISH,
    },
    # Absorbs retransmitted final responses.
    State.COMPLETED: {
        Event.K: Step((), State.TERMINATED),
    },
}
