// A WHIP client made of werift: audio and video in one bundle. It sends back what it is shown, and prints a line of JSON
// whenever something has changed: {"state": …, "pictures": …}.
//
//   node peer.mjs MODULES URL TOKEN        MODULES: the folder in which werift is installed

import { createRequire } from "node:module";

const [modules, url, token] = process.argv.slice(2);
const { RTCPeerConnection, RTCRtpCodecParameters, RTCRtpHeaderExtensionParameters, MediaStreamTrack } =
  createRequire(`${modules}/`)("werift");

process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
setTimeout(() => process.exit(0), 60_000);

const told = { state: "new", pictures: 0 };
const tell = (news) => console.log(JSON.stringify(Object.assign(told, news)));

const feedback = ["ccm fir", "nack", "nack pli", "goog-remb"].map((line) => {
  const [type, parameter] = line.split(" ");
  return { type, parameter };
});
const h264 = new RTCRtpCodecParameters({
  mimeType: "video/H264",
  clockRate: 90000,
  rtcpFeedback: feedback,
  parameters: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
});
const opus = new RTCRtpCodecParameters({ mimeType: "audio/opus", clockRate: 48000, channels: 2 });
const mid = new RTCRtpHeaderExtensionParameters({ uri: "urn:ietf:params:rtp-hdrext:sdes:mid" });
const pc = new RTCPeerConnection({
  bundlePolicy: "max-bundle",
  codecs: { audio: [opus], video: [h264] },
  headerExtensions: { audio: [mid], video: [mid] },
});
pc.connectionStateChange.subscribe((state) => tell({ state }));

const own = new MediaStreamTrack({ kind: "video" });
pc.addTransceiver(new MediaStreamTrack({ kind: "audio" }), { direction: "sendrecv" });
const video = pc.addTransceiver(own, { direction: "sendrecv" });
pc.onTrack.subscribe((track) => {
  if (track.kind !== "video") return;
  video.sender.onPictureLossIndication.subscribe(() => video.receiver.sendRtcpPLI(track.ssrc));
  track.onReceiveRtp.subscribe((packet) => {
    if (packet.header.marker) tell({ pictures: told.pictures + 1 });
    own.writeRtp(packet.clone?.() ?? packet);
  });
});

await pc.setLocalDescription(await pc.createOffer());
const offer = pc.localDescription.sdp;
const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/sdp" };
const response = await fetch(url, { method: "POST", headers, body: offer });
const answer = await response.text();
tell({ offer, answer, status: response.status });
if (response.ok) await pc.setRemoteDescription({ type: "answer", sdp: answer });
