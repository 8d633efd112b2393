"""`python -m splitter.media.mosaic`: one mosaic's process."""

from splitter.media.mosaic.process import main

main()
