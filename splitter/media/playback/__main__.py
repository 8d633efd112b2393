"""python -m splitter.media.playback: renders one recording; see `process`."""

from splitter.media.playback.process import main

main()
