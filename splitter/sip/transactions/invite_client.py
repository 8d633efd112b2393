"""INVITE client transaction (RFC 3261 §17.1.1, figure 5, as corrected by RFC 6026 §7.2). Pure."""

from __future__ import annotations

from typing import Final

from splitter.sip.transactions.table import Action, Event, Step, TransactionState, Transitions

_ACCEPT = Step((Action.DELIVER_SUCCESS,), TransactionState.ACCEPTED, start=(Event.M,))
_REFUSE = Step((Action.SEND_ACK, Action.DELIVER), TransactionState.COMPLETED, start=(Event.D,))

INVITE_CLIENT: Final[Transitions] = {
    TransactionState.CALLING: {
        Event.START: Step((Action.SEND,), TransactionState.CALLING, start=(Event.A, Event.B)),
        Event.A: Step((Action.RESEND, Action.BACK_OFF), TransactionState.CALLING),
        Event.B: Step((Action.REPORT_TIMEOUT,), TransactionState.TERMINATED),
        Event.TRANSPORT_ERROR: Step((Action.REPORT_TRANSPORT,), TransactionState.TERMINATED),
        Event.CANCEL: Step((Action.REMEMBER_CANCEL,), TransactionState.CALLING),
        Event.PROVISIONAL: Step((Action.DELIVER, Action.RECALL_CANCEL), TransactionState.PROCEEDING),
        Event.SUCCESS: _ACCEPT,
        Event.REFUSAL: _REFUSE,
    },
    # No timer here: how long a phone may ring is the user's business.
    TransactionState.PROCEEDING: {
        Event.PROVISIONAL: Step((Action.DELIVER,), TransactionState.PROCEEDING),
        Event.SUCCESS: _ACCEPT,
        Event.REFUSAL: _REFUSE,
        Event.CANCEL: Step((Action.SEND_CANCEL,), TransactionState.PROCEEDING, start=(Event.CANCEL_LIMIT,)),
        Event.CANCEL_LIMIT: Step((Action.REPORT_CANCEL_TIMEOUT,), TransactionState.TERMINATED),
    },
    # RFC 6026: stays for 2xx of other branches of a fork, and to have lost ACKs sent again.
    TransactionState.ACCEPTED: {
        Event.SUCCESS: Step((Action.DELIVER_SUCCESS,), TransactionState.ACCEPTED),
        Event.M: Step((), TransactionState.TERMINATED),
    },
    TransactionState.COMPLETED: {
        Event.REFUSAL: Step((Action.RESEND,), TransactionState.COMPLETED),  # what is re-sent is the ACK by now
        Event.TRANSPORT_ERROR: Step((), TransactionState.TERMINATED),  # of the ACK; the user has its final response
        Event.D: Step((), TransactionState.TERMINATED),
    },
}

_LATE_REFUSAL = Step((Action.SEND_ACK,), TransactionState.COMPLETED, start=(Event.D,))

# The table of an INVITE with a limit of its own (`answer_limit_s`) in the place of timer B: so short a silence may be a
# lossy or slow network, and the INVITE may have arrived. What rings there all the same is cancelled, as §9.1 wants it
# once there is a provisional response, and until there is one the INVITE is repeated, because a peer whose 100 was lost
# says nothing more by itself. What answers is left to the user to end.
IMPATIENT_INVITE_CLIENT: Final[Transitions] = {
    **INVITE_CLIENT,
    TransactionState.CALLING: {
        **INVITE_CLIENT[TransactionState.CALLING],
        Event.B: Step((Action.REPORT_TIMEOUT,), TransactionState.ABANDONED, start=(Event.M,), keep=(Event.A,)),
    },
    TransactionState.ABANDONED: {
        Event.A: Step((Action.RESEND, Action.BACK_OFF), TransactionState.ABANDONED),
        Event.TRANSPORT_ERROR: Step((), TransactionState.TERMINATED),
        Event.PROVISIONAL: Step((Action.SEND_CANCEL,), TransactionState.RECALLED, start=(Event.M,)),
        Event.SUCCESS: _ACCEPT,
        Event.REFUSAL: _LATE_REFUSAL,
        Event.M: Step((), TransactionState.TERMINATED),
    },
    TransactionState.RECALLED: {
        Event.SUCCESS: _ACCEPT,
        Event.REFUSAL: _LATE_REFUSAL,
        Event.M: Step((), TransactionState.TERMINATED),
    },
}
