"""python -m splitter.media.stills: makes stills of key frames; see `process`."""

from splitter.media.stills.process import main

main()
