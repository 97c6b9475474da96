"""What a list shows of a stored row: what both halves say, read without the rest of the row."""

from itertools import product

import pytest

from shared.friends.contract import FriendAnswer, FriendsAnswer
from shared.friends.rows import Decision, Friend, Friendship, Profile, State, friends_resource
from shared.tables import Row

PROFILES = (
    None,
    Profile(1, "Ben", "8:acs:ben", "resource"),
    Profile(2, None, "8:acs:ben", "resource"),
)
FRIENDSHIPS = [
    Friendship("owner", "friend", friend_id, mine, 2, theirs, seq, profile)
    for friend_id, mine, theirs, seq, profile in product(
        ("ben", None), Decision, Decision, (1, 2, 3), PROFILES
    )
]


def row_of(friendship: Friendship) -> Row:
    return Row(friendship.owner, friendship.friend, friendship.values(), "etag")


@pytest.mark.parametrize("theirs", Decision)
def test_the_list_shows_what_the_whole_row_says(theirs: Decision) -> None:
    for friendship in (one for one in FRIENDSHIPS if one.theirs is theirs):
        profile, state = friendship.profile, friendship.state
        says_yes = profile is not None and state in (State.ACCEPTED, State.INCOMING)

        listed = Friend.in_list(row_of(friendship))

        assert (listed.id, listed.state) == (friendship.friend_id or "", state)
        assert listed.display_name == (profile.display_name if profile and says_yes else None)
        shows_id = says_yes and state is State.ACCEPTED
        assert listed.communication_user_id == ("8:acs:ben" if shows_id else None)
        assert friends_resource(row_of(friendship)) == (profile.resource if profile else None)


def test_a_page_says_of_each_friend_what_the_friend_alone_is_answered_with() -> None:
    friends = [Friend.in_list(row_of(one)) for one in FRIENDSHIPS]
    shown = [friend for friend in friends if friend.state is not State.HIDDEN]

    page = FriendsAnswer.of(shown, None, None)

    assert page.friends == list(map(FriendAnswer.of, shown))
