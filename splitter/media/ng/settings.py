"""Which rtpengines carry voice. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from splitter.core.keys import Key, Uptake
from splitter.core.net import Address
from splitter.core.values import parse_address


@dataclass(frozen=True, slots=True)
class RtpengineSettings:
    """One rtpengine."""

    name: str
    address: Annotated[
        Address,
        Key(
            parse=parse_address,
            missing='say where it is controlled, such as address = "10.1.0.30:2223"',
            example='"10.1.0.30:2223"',
            taken=Uptake.RESTART,
        ),
    ]
    """Where it takes the NG protocol over UDP (its listen-ng). NG knows no passwords: whoever reaches this address
    commands it."""
    weight: Annotated[int, Key(0, 1000, taken=Uptake.LIVE)] = 1
    """Its share of the relays, against the weights of the others. 0: it gets no new ones, and those that it has stay,
    such as before it is taken away."""
