"""`python -m splitter.lab.centre`: one voice centre, until stdin ends. Does I/O."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import IO

from splitter.lab.centre.front import Front, SipStack
from splitter.lab.centre.plan import CentrePlan
from splitter.lab.centre.stacks import REMEDY, Stack, installed, usual


def _private_stdout() -> IO[str]:
    """Keep stdout for events: the libraries' C code prints there too, so descriptor 1 becomes stderr."""
    ours = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(ours, "w")


def _open(stack: Stack, host: str, port: int, front: Front, log_level: int) -> SipStack:
    if stack is Stack.PJSUA2:
        from splitter.lab.centre.pjsua import Pjsua

        return Pjsua(host, port, front, log_level)
    from splitter.lab.centre.sofia import Sofia

    return Sofia(host, port, front)


def main() -> None:
    """Run until stdin ends."""
    parser = argparse.ArgumentParser(description="A voice call centre for tests, on a SIP stack of others")
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT")
    parser.add_argument("--plan", default="{}", help="JSON: fields of Plan")
    parser.add_argument("--stack", type=Stack, default=None, choices=list(Stack), help="default: as stacks.py says")
    parser.add_argument("--log-level", type=int, default=0)
    arguments = parser.parse_args()
    stack = arguments.stack or usual()
    if stack is None or stack not in installed():
        sys.exit(REMEDY)
    host, _, port = arguments.listen.rpartition(":")
    out = _private_stdout()
    front = Front(CentrePlan.read(json.loads(arguments.plan)), out)
    library = _open(stack, host, int(port), front, arguments.log_level)
    try:
        front.serve(library, stack, sys.stdin.fileno())
    except KeyboardInterrupt:
        pass
    finally:
        library.close()
    # Python objects that wrap parts of a library must not be collected after the library is gone.
    out.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
