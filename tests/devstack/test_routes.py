"""Routes of the local host match as the Functions host's do."""

import pytest

from devstack.functions_host.routes import RouteError, by_precedence, parse, split_path


def match(template: str, path: str) -> dict[str, str] | None:
    segments = split_path(path)
    return None if segments is None else parse(template).match(segments)


@pytest.mark.parametrize(
    ("template", "path", "expected"),
    [
        ("token", "/token", {}),
        ("token", "/TOKEN/", {}),
        ("token", "/token/teams", None),
        ("friends/{friendId?}", "/friends", {}),
        ("friends/{friendId?}", "/friends/bob%20b", {"friendId": "bob b"}),
        ("friends/{friendId?}", "/friends/bob%2Fb", None),
        ("friends/{friendId?}", "/friends/%ff", None),
        ("friends/{friendId?}", "/friends//", None),
        (
            "calls/{id:guid}",
            "/calls/01234567-89ab-cdef-0123-456789abcdef",
            {"id": "01234567-89ab-cdef-0123-456789abcdef"},
        ),
        ("calls/{id:guid}", "/calls/7", None),
        ("a/{n:int}", "/a/-7", {"n": "-7"}),
        ("a/{n:int}", "/a/7x", None),
        ("a/{n:length(1,3):alpha}", "/a/abc", {"n": "abc"}),
        ("a/{n:length(1,3):alpha}", "/a/abcd", None),
        ("files/{*rest}", "/files/a/b", {"rest": "a/b"}),
        ("files/{*rest}", "/files", {"rest": ""}),
    ],
)
def test_a_path_matches_or_not(template: str, path: str, expected: dict[str, str] | None) -> None:
    assert match(template, path) == expected


@pytest.mark.parametrize("template", ["a/{n:regex(x)}", "a/x{n}", "a/{n:length(x)}", "a/{n"])
def test_a_template_that_cannot_be_honoured_is_refused(template: str) -> None:
    with pytest.raises(RouteError, match="route 'a/"):
        parse(template)


def test_the_more_specific_route_is_tried_first() -> None:
    templates = ["{*rest}", "bots/{id}", "bots/{id:int}", "bots/me"]

    ordered = by_precedence([parse(t) for t in templates], lambda route: route)

    assert [route.template for route in ordered] == templates[::-1]
