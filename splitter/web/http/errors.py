"""The one JSON shape of an error, and the border where unexpected ones stop. Does no I/O.

{"error": {"status": 404, "code": "no-such-call", "message": "there is no call 7kq2"}}
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec
import structlog
from aiohttp import web

from splitter.calls.asks import Denial
from splitter.core.errors import SplitterError
from splitter.telemetry import metrics

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ApiError(Exception):
    """A handler's refusal.

    Attributes:
        status: of HTTP.
        code: for programs, stable: "no-such-call".
        message: for people.
        headers: of the response, such as Retry-After.
    """

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers


def json_response(value: object, status: int = 200) -> web.Response:
    """Any value that msgspec encodes, as JSON."""
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")


def error_response(error: ApiError) -> web.Response:
    """The shape above."""
    body = {"status": error.status, "code": error.code, "message": error.message}
    response = json_response({"error": body}, error.status)
    response.headers.update(error.headers or {})
    return response


@web.middleware
async def border(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Each request ends here: errors get their shape, unexpected ones the log, all of them the metric."""
    try:
        response = await handler(request)
    except ApiError as error:
        response = error_response(error)
    except Denial as error:
        response = error_response(ApiError(error.status, error.code, str(error)))
    except web.HTTPException as error:
        if error.status < 400:
            raise  # a redirection
        code = (error.reason or "error").lower().replace(" ", "-")
        allowed = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
        text = f"{request.method} {request.path}: {error.reason}"
        response = error_response(ApiError(error.status, code, text, allowed))
    except SplitterError as error:  # what is down is not a bug: the store, mostly
        response = error_response(ApiError(503, "unavailable", str(error)))
    except ConnectionError:
        if request.transport is not None and not request.transport.is_closing():
            raise
        # The client went away in the middle of a stream, as `splitter trace | head` does. There is nobody to answer,
        # and nothing to log: aiohttp finds that out once more with this, and is silent.
        return web.Response()
    except Exception:
        log.exception("API request failed", method=request.method, path=request.path)
        response = error_response(ApiError(500, "internal", "the gateway failed on this request; its log says why"))
    route = request.match_info.route.resource
    metrics.api.REQUESTS.labels(route.canonical if route else "other", response.status).inc()
    return response
