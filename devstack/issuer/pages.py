"""The pages that the issuer shows: ours in place of the mock's, which load styles from a CDN."""

from pathlib import Path

import flask
import jinja2

from devstack.issuer.claims import name_in
from devstack.issuer.stored_users import stored_claims

TEMPLATES = Path(__file__).with_name("templates")
# Nothing is loaded, from nowhere; a script that somebody smuggles into a page does not run.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none';"
    " frame-ancestors 'none'"
)


def add_pages(app: flask.Flask) -> None:
    """Show the pages in `templates`; the other pages are the mock's own."""
    loaders = [jinja2.FileSystemLoader(TEMPLATES), jinja2.PackageLoader("oidc_provider_mock")]
    app.jinja_loader = jinja2.ChoiceLoader(loaders)

    @app.template_filter("person")
    def person(user_id: str) -> str:
        """The name of a user, or the id of a user without a name."""
        return name_in(stored_claims(user_id) or {}) or user_id

    @app.after_request
    def protect_page(response: flask.Response) -> flask.Response:
        if response.mimetype == "text/html":
            response.headers["Content-Security-Policy"] = POLICY
            response.headers["Cache-Control"] = "no-store"
        return response
