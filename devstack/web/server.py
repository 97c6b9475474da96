"""The page over HTTP; while there is none, the progress of making it."""

import base64
import hashlib
import html
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from devstack.origins import is_local
from devstack.web.making import Failure, Making, Progress

# What the page's own policy, in a <meta>, cannot say; and what else every answer has.
_HEADERS = {
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_FOREVER = "public, max-age=31536000, immutable"  # a changed file has another name

_STYLE = (
    ":root{color-scheme:light dark;font:1.1rem/1.5 system-ui,sans-serif}"
    "body{margin:20vh auto;max-width:34rem;padding:0 1rem}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")
_NOTICE_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'"


def make_app(making: Making) -> web.Application:
    """The app of a page's server; it stops what is being made when it ends."""
    app = web.Application(middlewares=[_keep_to_localhost])

    async def give(request: web.Request) -> web.StreamResponse:
        return await _give(making, request)

    async def stop(_app: web.Application) -> None:
        await making.stop()

    app.router.add_get("/{path:.*}", give)
    app.on_shutdown.append(stop)
    return app


@web.middleware
async def _keep_to_localhost(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """The page has one address: the Calling SDK refuses 127.0.0.1, and a request under a name that
    was rebound to this machine is refused."""
    asked = urlsplit(f"//{request.host}")
    if not is_local(f"//{request.host}"):
        return web.Response(status=HTTPStatus.FORBIDDEN, text="Open this page at localhost.\n")
    if asked.hostname != "localhost":
        port = "" if asked.port is None else f":{asked.port}"
        raise web.HTTPTemporaryRedirect(f"http://localhost{port}{request.raw_path}")
    return await handler(request)


async def _give(making: Making, request: web.Request) -> web.StreamResponse:
    path = request.match_info["path"]
    if path == "try-again":
        making.forget_failure()
        raise web.HTTPSeeOther("/")
    if path == "":
        match making.state():
            case Progress() as progress:
                return _progress(progress)
            case Failure() as failure:
                return _failure(failure)
        path = "index.html"
    file = _file(making.page, path)
    if file is None:
        return web.Response(status=HTTPStatus.NOT_FOUND, headers=_HEADERS)
    kept = _FOREVER if path.startswith("assets/") else "no-cache"
    return web.FileResponse(file, headers={**_HEADERS, "Cache-Control": kept})


def _file(page: Path, path: str) -> Path | None:
    """The file of that name in the page; nothing that is hidden, or elsewhere."""
    root = page.resolve()
    try:
        file = (root / path).resolve()
        hidden = any(part.startswith(".") for part in file.relative_to(root).parts)
    except (OSError, ValueError):
        return None
    return file if file.is_file() and not hidden else None


def _progress(progress: Progress) -> web.Response:
    words = (
        f"<h1>The page is being made</h1><p>{html.escape(progress.stage.capitalize())}: "
        f"{progress.seconds:.0f} s.</p><p>The first time takes a minute or two. "
        "The rest of the stack works already.</p>"
    )
    return _notice(HTTPStatus.SERVICE_UNAVAILABLE, words, '<meta http-equiv="refresh" content="1">')


def _failure(failure: Failure) -> web.Response:
    words = (
        f"<h1>There is no page</h1><p>{html.escape(failure.line)}</p>"
        '<p><a href="/try-again">Try again</a></p>'
    )
    return _notice(HTTPStatus.INTERNAL_SERVER_ERROR, words, "")


def _notice(status: HTTPStatus, words: str, more: str) -> web.Response:
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>Calls between friends</title>{more}<style>{_STYLE}</style></head>"
        f"<body><main>{words}</main></body></html>\n"
    )
    headers = {**_HEADERS, "Content-Security-Policy": _NOTICE_POLICY, "Cache-Control": "no-store"}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "1"
    return web.Response(status=status, text=text, content_type="text/html", headers=headers)
