"""The arguments of the recorder's process, as the gateway writes them (`client`)."""

from __future__ import annotations

import argparse

from splitter.media.record.place import StorePlace
from splitter.media.record.settings import Rendering


def arguments_parser() -> argparse.ArgumentParser:
    """The parser of its arguments."""
    parser = argparse.ArgumentParser(prog="splitter-recorder")
    parser.add_argument("--sockets", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--least-free", type=float, default=0.0)
    parser.add_argument("--quota", type=float, default=0.0)
    parser.add_argument("--keep-days", type=float, default=0.0)
    parser.add_argument("--keep-days-for", default="")
    parser.add_argument("--seal-key", default="")
    parser.add_argument("--seal-command", default="")
    for word in ("--store", "--store-endpoint", "--store-region", "--store-credentials"):
        parser.add_argument(word, default="")
    parser.add_argument("--render", default=Rendering.ASKED)
    parser.add_argument("--render-at-once", type=int, default=1)
    parser.add_argument("--render-below", type=float, default=50.0)
    parser.add_argument("--timestamp-url", default="")
    parser.add_argument("--grace", type=float, default=60.0)
    parser.add_argument("--protocol", default="")  # for the next gateway, which reads how this was begun
    parser.add_argument("--log-format", default="json")
    parser.add_argument("--log-level", default="info")
    return parser


def store_place(arguments: argparse.Namespace) -> StorePlace:
    """Where recordings are moved to."""
    words = (arguments.store, arguments.store_endpoint, arguments.store_region, arguments.store_credentials)
    return StorePlace(*words)
