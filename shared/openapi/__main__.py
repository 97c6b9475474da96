"""python -m shared.openapi: write docs/openapi.json and docs/limits.md anew."""

from shared.openapi.document import DESCRIPTION, description, text_of
from shared.openapi.functions import operations
from shared.openapi.limits import PAGE, page


def main() -> None:
    DESCRIPTION.write_text(text_of(description()), "utf-8")
    PAGE.write_text(page(operations()), "utf-8")


if __name__ == "__main__":
    main()
