"""The audiences that the body of a request may name."""

import pytest
from pydantic import ValidationError

from shared.sharing.audiences import Audience
from shared.sharing.contract import AudienceBody

ONE = "has to have exactly one of friends, users and space"
BOOLEAN = "should be a valid boolean"


@pytest.mark.parametrize(
    ("body", "read"),
    [
        ('{"friends": true}', Audience(friends=True)),
        ('{"users": ["a", "b"]}', Audience(users=("a", "b"))),
        ('{"users": []}', Audience(users=())),
        ('{"space": " lounge "}', Audience(space="lounge")),
        ('{"space": "lounge", "friends": null}', Audience(space="lounge")),
    ],
)
def test_an_audience_is_friends_or_named_users_or_a_space(body: str, read: Audience) -> None:
    assert AudienceBody.model_validate_json(body).read() == read


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ('{"friends": 1}', "friends", BOOLEAN),
        ('{"friends": "true"}', "friends", BOOLEAN),
        ('{"friends": {}}', "friends", BOOLEAN),
        ('{"friends": false}', "friends", "has to be true"),
        ("{}", "", ONE),
        ('{"friends": null}', "", ONE),
        ('{"friends": true, "users": []}', "", ONE),
        ('{"users": ["a"], "space": "lounge"}', "", ONE),
        ('{"users": "a"}', "users", "valid array"),
        ('{"users": [1]}', "users.0", "valid string"),
        ('{"users": ["a", ""]}', "users.1", "at least 1 character"),
        ('{"space": 1}', "space", "valid string"),
        ('{"space": " "}', "space", "visible text"),
        ('{"everybody": true}', "everybody", "not permitted"),
        ("[]", "", "object"),
    ],
)
def test_what_is_no_audience_is_refused_with_its_fault(body: str, field: str, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        AudienceBody.model_validate_json(body)

    [fault] = caught.value.errors()
    assert ".".join(map(str, fault["loc"])) == field
    assert message in fault["msg"]
