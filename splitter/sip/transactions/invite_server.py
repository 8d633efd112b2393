"""INVITE server transaction (RFC 3261 §17.2.1, figure 7, as corrected by RFC 6026 §7.1). Pure.

The retransmission of our 2xx until its ACK (RFC 3261 §13.3.1.4) and of a reliable provisional response until its PRACK
(RFC 3262 §3) are in this table too, over every transport: the RFCs leave them to the core above, which would need the
same timers.
"""

from __future__ import annotations

from typing import Final

from splitter.sip.transactions.table import Action, Event, Step, TransactionState, Transitions

INVITE_SERVER: Final[Transitions] = {
    TransactionState.PROCEEDING: {
        Event.REQUEST: Step((Action.RESEND,), TransactionState.PROCEEDING),
        Event.SEND_PROVISIONAL: Step((Action.SEND,), TransactionState.PROCEEDING),
        Event.SEND_RELIABLE: Step(
            (Action.SEND,), TransactionState.UNCONFIRMED, start=(Event.RESEND_1XX, Event.PRACK_LIMIT)
        ),
        Event.SEND_SUCCESS: Step((Action.SEND,), TransactionState.ACCEPTED, start=(Event.RESEND_2XX, Event.L)),
        Event.SEND_REFUSAL: Step((Action.SEND,), TransactionState.COMPLETED, start=(Event.G, Event.H)),
    },
    # One at a time: the user sends the next reliable response after the PRACK of this one (RFC 3262 §3). An unreliable
    # one may go beside it; what is repeated stays the reliable one.
    TransactionState.UNCONFIRMED: {
        Event.REQUEST: Step((Action.RESEND,), TransactionState.UNCONFIRMED),
        Event.SEND_PROVISIONAL: Step((Action.SEND_ONCE,), TransactionState.UNCONFIRMED),
        Event.RESEND_1XX: Step((Action.RESEND, Action.BACK_OFF), TransactionState.UNCONFIRMED),
        Event.PRACK: Step((), TransactionState.PROCEEDING),
        Event.PRACK_LIMIT: Step((Action.REPORT_PRACK_MISSING,), TransactionState.PROCEEDING),
        Event.SEND_SUCCESS: Step((Action.SEND,), TransactionState.ACCEPTED, start=(Event.RESEND_2XX, Event.L)),
        Event.SEND_REFUSAL: Step((Action.SEND,), TransactionState.COMPLETED, start=(Event.G, Event.H)),
    },
    # RFC 6026: a retransmitted INVITE is absorbed; our 2xx is on its way again by its own timer.
    TransactionState.ACCEPTED: {
        Event.RESEND_2XX: Step((Action.RESEND, Action.BACK_OFF), TransactionState.ACCEPTED),
        Event.ACK: Step((Action.REPORT_ACK,), TransactionState.ACKNOWLEDGED, keep=(Event.L,)),
        Event.L: Step((Action.REPORT_ACK_MISSING,), TransactionState.TERMINATED),
    },
    TransactionState.ACKNOWLEDGED: {
        Event.L: Step((), TransactionState.TERMINATED),
    },
    TransactionState.COMPLETED: {
        Event.REQUEST: Step((Action.RESEND,), TransactionState.COMPLETED),
        Event.G: Step((Action.RESEND, Action.BACK_OFF), TransactionState.COMPLETED),
        Event.ACK: Step((), TransactionState.CONFIRMED, start=(Event.I,)),
        Event.H: Step((), TransactionState.TERMINATED),  # a refusal that is never acknowledged leaves nothing to undo
        Event.TRANSPORT_ERROR: Step((), TransactionState.TERMINATED),
    },
    # Absorbs retransmitted ACKs.
    TransactionState.CONFIRMED: {
        Event.I: Step((), TransactionState.TERMINATED),
    },
}
