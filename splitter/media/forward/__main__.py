"""`python -m splitter.media.forward`: the forwarder's process."""

from splitter.media.forward.process import main

main()
