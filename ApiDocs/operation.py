"""GET|HEAD /api/docs/{asset?}: show the description as a page that people read and try."""

from pathlib import Path

from shared.bodies import Query
from shared.http import (
    IF_NONE_MATCH,
    Document,
    NotModified,
    PublicOneOrAll,
    PublicOperation,
    PublicRequest,
    stored_file,
    without_hash,
)
from shared.problems import NotFound

_VIEWER = Path(__file__).parent / "viewer"
# People type bearer tokens into the page, so it loads nothing from elsewhere, and sends nothing
# there.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Page(Document):
    mimetype = "text/html"
    is_versioned = True


class Script(Document):
    mimetype = "text/javascript"
    is_versioned = True


class StyleSheet(Document):
    mimetype = "text/css"
    is_versioned = True


class Licence(Document):
    mimetype = "text/plain"
    is_versioned = True


# All files that are served: a request cannot name any other.
_ASSETS: dict[str, type[Script | StyleSheet | Licence]] = {
    "page.js": Script,
    "swagger-ui-bundle.js": Script,
    "swagger-ui.css": StyleSheet,
    "swagger-ui-bundle.js.LICENSE.txt": Licence,
}


async def show_page(request: PublicRequest[Query]) -> Page | NotModified:
    """Show this description as a page, in which requests can be tried.

    There is such a page only where the setting `API_DOCS` is `true`.
    """
    _check_is_shown(request)
    return await stored_file(_VIEWER / "page.html", Page, request, _HEADERS)


async def show_asset(
    request: PublicRequest[Query],
) -> Script | StyleSheet | Licence | NotModified:
    """Give a file that the page needs.

    With its hash before the ending of its name, as the page has it, caches may keep it for ever.
    """
    _check_is_shown(request)
    name, named_hash = without_hash(request.route["asset"])
    kind = _ASSETS.get(name)
    if kind is None:
        raise NotFound
    return await stored_file(_VIEWER / name, kind, request, named_hash=named_hash)


def _check_is_shown(request: PublicRequest[Query]) -> None:
    if not request.app.settings.has_api_docs:
        raise NotFound


OPERATION = PublicOneOrAll(
    segment="asset",
    one=PublicOperation(handler=show_asset, headers=(IF_NONE_MATCH,), problems=(NotFound,)),
    all=PublicOperation(handler=show_page, headers=(IF_NONE_MATCH,), problems=(NotFound,)),
)
