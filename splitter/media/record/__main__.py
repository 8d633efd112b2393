"""`python -m splitter.media.record`: the recorder's process."""

from splitter.media.record.process import main

main()
