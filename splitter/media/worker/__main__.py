"""`python -m splitter.media.worker`: one media worker process."""

from splitter.media.worker.main import main

main()
