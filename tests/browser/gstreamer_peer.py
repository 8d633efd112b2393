"""A WHIP client made of GStreamer's webrtcbin, as whipsink and many devices are: audio and video in one bundle.

Runs in the distribution's Python, which has GStreamer's bindings; nothing of ours is on its path. It sends a film, shows
what comes, and prints a line of JSON whenever something has changed: {"state": …, "pictures": …, "width": …}.
"""

from __future__ import annotations

import json
import ssl
import sys
import urllib.error
import urllib.request
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

SENT = """
webrtcbin name=peer bundle-policy=max-bundle
multifilesrc location={film} loop=true ! {decode} videoconvert ! videorate ! video/x-raw,framerate=15/1,format=I420
  ! identity sync=true ! openh264enc bitrate=500000 gop-size=30 complexity=low ! video/x-h264,profile=constrained-baseline
  ! h264parse ! rtph264pay config-interval=-1 aggregate-mode=zero-latency
  ! application/x-rtp,media=video,encoding-name=H264,payload=96 ! peer.
audiotestsrc is-live=true wave=silence ! opusenc ! rtpopuspay
  ! application/x-rtp,media=audio,encoding-name=OPUS,payload=97 ! peer.
"""


class Peer:
    """One transport to the gateway."""

    def __init__(self, url: str, token: str, film: str) -> None:
        self._url, self._token = url, token
        self._told: dict[str, Any] = {"state": "new", "pictures": 0}
        decode = "jpegparse ! jpegdec !" if film.endswith(".mjpeg") else "y4mdec !"
        self._line = Gst.parse_launch(SENT.format(film=film, decode=decode))
        self._bin = self._line.get_by_name("peer")
        self._bin.connect("on-negotiation-needed", self._on_negotiation_needed)
        self._bin.connect("notify::ice-gathering-state", self._on_gathered)
        self._bin.connect("notify::connection-state", self._on_state)
        self._bin.connect("pad-added", self._on_pad)
        bus = self._line.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", lambda _, message: self._tell(error=str(message.parse_error())))
        self._line.set_state(Gst.State.PLAYING)

    def _tell(self, **news: Any) -> None:
        self._told |= news
        print(json.dumps(self._told), flush=True)

    def _on_negotiation_needed(self, element: Any) -> None:
        def offered(promise: Any) -> None:
            promise.wait()
            reply = promise.get_reply()  # it holds what the offer is made of
            element.emit("set-local-description", reply.get_value("offer"), Gst.Promise.new())

        element.emit("create-offer", None, Gst.Promise.new_with_change_func(offered))

    def _on_gathered(self, element: Any, _: Any) -> None:
        if element.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            GLib.idle_add(self._post)

    def _post(self) -> bool:
        offer = self._bin.get_property("local-description").sdp.as_text()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/sdp"}
        request = urllib.request.Request(self._url, offer.encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=60, context=ssl._create_unverified_context()) as response:
                answer = response.read().decode()
        except urllib.error.HTTPError as error:
            self._tell(state="refused", offer=offer, error=error.read().decode())
            return False
        self._tell(offer=offer, answer=answer)
        _, message = GstSdp.SDPMessage.new_from_text(answer)
        described = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)

        def taken(promise: Any) -> None:
            promise.wait()
            reply = promise.get_reply()
            if reply is not None and reply.has_field("error"):
                self._tell(state="refuses the answer", error=str(reply.get_value("error")))

        self._bin.emit("set-remote-description", described, Gst.Promise.new_with_change_func(taken))
        return False

    def _on_state(self, element: Any, _: Any) -> None:
        self._tell(state=element.get_property("connection-state").value_nick)

    def _on_pad(self, _: Any, pad: Any) -> None:
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        shown = Gst.parse_bin_from_description(
            "rtph264depay ! h264parse ! openh264dec ! fakesink name=screen signal-handoffs=true sync=false", True
        )
        shown.get_by_name("screen").connect("handoff", self._on_picture)
        self._line.add(shown)
        shown.sync_state_with_parent()
        pad.link(shown.get_static_pad("sink"))

    def _on_picture(self, screen: Any, _: Any, pad: Any) -> None:
        size = pad.get_current_caps().get_structure(0)
        width, height = size.get_int("width").value, size.get_int("height").value
        self._tell(pictures=self._told["pictures"] + 1, width=width, height=height)


if __name__ == "__main__":
    Gst.init(None)
    peer = Peer(*sys.argv[1:])
    GLib.timeout_add_seconds(60, sys.exit)
    GLib.MainLoop().run()
