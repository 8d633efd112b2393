"""Asks of people at desks, by the API, and the answers to them. Pure.

An ask enters the call's inbox as `Asked` and is answered there, in the order of everything else that happens to the
call; see `flows/desk.py`. Whatever cannot be done is a `Denial` with a code for programs and a reason for people.

Layout
    places     who comes into the room: Join, Restart, WatchOthers, Remove
    belonging  whose call it is: Bind, HandOver, AskIn, Admit, Dismiss
    words      what parties tell and write: Write, ReadMessages, TellCamera, Locate, Rate
    pictures   the caller's video, and what is shown: RaiseVideo, DropVideo, Show, TakeSnapshot
    phones     phones and voices: InvitePhone, MuteVoice, SetPart, LeaveVoice, PlacedCall
    recording  RecordCall, LeaveOut, ForkCall
    ask        Asked, with its answer or Denial; the union of them all
"""

from splitter.calls.asks.ask import Answer as Answer
from splitter.calls.asks.ask import Ask as Ask
from splitter.calls.asks.ask import Asked as Asked
from splitter.calls.asks.ask import Denial as Denial
from splitter.calls.asks.ask import PartyAsk as PartyAsk
from splitter.calls.asks.ask import PhoneAsk as PhoneAsk
from splitter.calls.asks.ask import Reply as Reply
from splitter.calls.asks.belonging import Admit as Admit
from splitter.calls.asks.belonging import AskIn as AskIn
from splitter.calls.asks.belonging import Bind as Bind
from splitter.calls.asks.belonging import Dismiss as Dismiss
from splitter.calls.asks.belonging import HandOver as HandOver
from splitter.calls.asks.phones import InvitePhone as InvitePhone
from splitter.calls.asks.phones import LeaveVoice as LeaveVoice
from splitter.calls.asks.phones import MuteVoice as MuteVoice
from splitter.calls.asks.phones import PhoneInvited as PhoneInvited
from splitter.calls.asks.phones import PlacedCall as PlacedCall
from splitter.calls.asks.phones import RemovePhone as RemovePhone
from splitter.calls.asks.phones import SetPart as SetPart
from splitter.calls.asks.phones import SetPhoneVideo as SetPhoneVideo
from splitter.calls.asks.pictures import DropVideo as DropVideo
from splitter.calls.asks.pictures import RaiseVideo as RaiseVideo
from splitter.calls.asks.pictures import Show as Show
from splitter.calls.asks.pictures import TakeSnapshot as TakeSnapshot
from splitter.calls.asks.places import Admitted as Admitted
from splitter.calls.asks.places import Desk as Desk
from splitter.calls.asks.places import Holder as Holder
from splitter.calls.asks.places import Join as Join
from splitter.calls.asks.places import Remove as Remove
from splitter.calls.asks.places import Restart as Restart
from splitter.calls.asks.places import Watched as Watched
from splitter.calls.asks.places import WatchOthers as WatchOthers
from splitter.calls.asks.recording import ForkCall as ForkCall
from splitter.calls.asks.recording import LeaveOut as LeaveOut
from splitter.calls.asks.recording import RecordCall as RecordCall
from splitter.calls.asks.words import Locate as Locate
from splitter.calls.asks.words import MessagesRead as MessagesRead
from splitter.calls.asks.words import Rate as Rate
from splitter.calls.asks.words import ReadMessages as ReadMessages
from splitter.calls.asks.words import TellCamera as TellCamera
from splitter.calls.asks.words import TellPhoto as TellPhoto
from splitter.calls.asks.words import Write as Write
from splitter.calls.asks.words import Written as Written
