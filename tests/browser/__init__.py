"""The agent's desk in a real browser: Chromium, its console, its SDK and a soft client, looked at frame by frame.

chromium    the browser: with a fake camera, one per worker of the tests; one on a network of its own where that breaks
firefox     another one, where it differs; gstreamer_peer.py and werift/ are WHIP clients that are no browsers
camera      the fake camera's file: test pictures with sender and counter
eyes        reads what a page shows in its <video> elements; pictures.js is its half in the page
checks      judges what was seen: black, frozen, turned, late, foreign, torn, skewed; proved on bad video
centre      a voice centre in this process; desk.py has the gateway, the handset and all who take part in a test
network     a host of its own for the browser: loss, delay, a cable that is pulled

Every sight of a test is saved as a picture in build/browser/ for people to look at.
"""
