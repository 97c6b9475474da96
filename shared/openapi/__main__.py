"""python -m shared.openapi: write docs/openapi.json, docs/api.md and docs/limits.md anew."""

from shared.openapi import limits, routes_page
from shared.openapi.document import DESCRIPTION, description, text_of
from shared.openapi.functions import operations


def main() -> None:
    document = description()
    DESCRIPTION.write_text(text_of(document), "utf-8")
    routes_page.PAGE.write_text(routes_page.page(document), "utf-8")
    limits.PAGE.write_text(limits.page(operations()), "utf-8")


if __name__ == "__main__":
    main()
