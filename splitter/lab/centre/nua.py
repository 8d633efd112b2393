"""The part of Sofia-SIP's C library that the centre uses: its user agent `nua`, by ctypes. Does I/O.

Nearly every function takes a list of tags, pairs of a tag and its value, closed by a null tag; a tag is the address of
a variable of the library. All of it runs in the thread that calls `step`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import POINTER, c_char_p, c_int, c_long, c_void_p

from splitter.lab.centre.stacks import SOFIA_LIBRARY

# (event, status, phrase, nua, its magic, handle, its magic, message, tags)
_CALLBACK = ctypes.CFUNCTYPE(None, c_int, c_int, c_char_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p)

Tags = dict[str, "str | int | None"]
OnNuaEvent = Callable[[str, int, str, int, "NuaEvent"], None]


class _Tag(ctypes.Structure):
    _fields_ = (("tag", c_void_p), ("value", c_void_p))


class _Library:
    """The library with the types of its functions."""

    def __init__(self) -> None:
        self.c = ctypes.CDLL(SOFIA_LIBRARY)
        for name, result, arguments in (
            ("su_root_create", c_void_p, [c_void_p]),
            ("su_root_threading", c_int, [c_void_p, c_int]),
            ("su_root_step", c_long, [c_void_p, c_long]),
            ("su_root_destroy", None, [c_void_p]),
            ("nua_create", c_void_p, None),  # with tags: no prototype
            ("nua_respond", None, None),
            ("nua_invite", None, None),
            ("nua_bye", None, None),
            ("nua_shutdown", None, [c_void_p]),
            ("nua_destroy", None, [c_void_p]),
            ("nua_handle_destroy", None, [c_void_p]),
            ("nua_current_request", c_void_p, [c_void_p]),
            ("sip_status_phrase", c_void_p, [c_int]),
            ("nua_event_name", c_char_p, [c_int]),
            ("nua_callstate_name", c_char_p, [c_int]),
            ("tl_find", POINTER(_Tag), [c_void_p, c_void_p]),
            ("msg_as_string", c_void_p, [c_void_p, c_void_p, c_void_p, c_int, c_void_p]),
            ("su_free", None, [c_void_p, c_void_p]),
        ):
            function = getattr(self.c, name)
            function.restype = result
            if arguments is not None:
                function.argtypes = arguments

    def tag(self, name: str) -> int:
        """The address that stands for a tag."""
        return ctypes.addressof(ctypes.c_char.in_dll(self.c, name))

    def tags(self, tags: Tags) -> list[object]:
        """As arguments of a call."""
        flat: list[object] = []
        for name, value in tags.items():
            flat += [c_void_p(self.tag(name)), c_char_p(value.encode()) if isinstance(value, str) else c_void_p(value)]
        return [*flat, c_void_p(None), c_void_p(None)]


class NuaEvent:
    """What comes with an event; to be read within its callback alone."""

    def __init__(self, library: _Library, nua: int, tags: int) -> None:
        self._library, self._nua, self._tags = library, nua, tags

    def text(self, tag: str) -> str:
        """The value of a tag, "" if it is not there."""
        value = self._value(tag)
        return (ctypes.string_at(value) if value else b"").decode(errors="replace")

    def number(self, tag: str) -> int | None:
        """The value of a tag, None if it is not there."""
        found = self._library.c.tl_find(self._tags, self._library.tag(tag))
        return c_int(found.contents.value or 0).value if found else None

    def call_state(self) -> str:
        """The name of the call's state, such as "early"; "" if it was not told."""
        number = self.number("nutag_callstate")
        return "" if number is None else str(self._library.c.nua_callstate_name(number).decode())

    def request(self) -> str:
        """The request that caused it, as it came."""
        message = self._library.c.nua_current_request(self._nua)
        text = self._library.c.msg_as_string(None, message, None, 0, None) if message else None
        if not text:
            return ""
        try:
            return ctypes.string_at(text).decode(errors="replace")
        finally:
            self._library.c.su_free(None, text)

    def _value(self, tag: str) -> int:
        found = self._library.c.tl_find(self._tags, self._library.tag(tag))
        return (found.contents.value or 0) if found else 0


class Nua:
    """One user agent.

    Args:
        url: where it listens.
        on_event: gets an event's name without "nua_", status, phrase, the call's handle, and what comes with it.
    """

    def __init__(self, url: str, on_event: OnNuaEvent, tags: Tags) -> None:
        self._library = _Library()
        self._on_event = on_event
        self._callback = _CALLBACK(self._told)  # the library keeps no reference
        c = self._library.c
        c.su_init()
        self._root = c_void_p(c.su_root_create(None))
        c.su_root_threading(self._root, 0)
        arguments = self._library.tags({"nutag_url": url, **tags})
        self._nua = c_void_p(c.nua_create(self._root, self._callback, c_void_p(None), *arguments))
        if not self._nua:
            raise OSError(f"cannot listen on {url}")

    def step(self) -> None:
        """Handle what has come; does not wait."""
        self._library.c.su_root_step(self._root, 0)

    def respond(self, handle: int, status: int, tags: Tags) -> None:
        """Answer the call's INVITE; the library keeps the phrase without a copy, so it is one of its own."""
        phrase = c_void_p(self._library.c.sip_status_phrase(status))
        self._library.c.nua_respond(c_void_p(handle), c_int(status), phrase, *self._library.tags(tags))

    def invite(self, handle: int, tags: Tags) -> None:
        """Send a re-INVITE."""
        self._library.c.nua_invite(c_void_p(handle), *self._library.tags(tags))

    def bye(self, handle: int) -> None:
        """Send BYE."""
        self._library.c.nua_bye(c_void_p(handle), *self._library.tags({}))

    def forget(self, handle: int) -> None:
        """Free what the library keeps of a call."""
        self._library.c.nua_handle_destroy(handle)

    def shut_down(self) -> None:
        """Begin to end all; the event "r_shutdown" says how far it is."""
        self._library.c.nua_shutdown(self._nua)

    def close(self) -> None:
        """Free everything, once it is shut down."""
        self._library.c.nua_destroy(self._nua)

    def _told(
        self, event: int, status: int, phrase: bytes, nua: int, _a: int, handle: int, _b: int, _c: int, tags: int
    ) -> None:
        name = self._library.c.nua_event_name(event).decode().removeprefix("nua_")
        self._on_event(
            name, status, (phrase or b"").decode(errors="replace"), handle, NuaEvent(self._library, nua, tags)
        )
