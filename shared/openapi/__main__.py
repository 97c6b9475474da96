"""python -m shared.openapi: write docs/openapi.json anew."""

from shared.openapi.document import DESCRIPTION, description, text_of


def main() -> None:
    DESCRIPTION.write_text(text_of(description()), "utf-8")


if __name__ == "__main__":
    main()
