"""Keeps each person within the numbers of friends and of unanswered requests that they may have."""

from datetime import timedelta

from shared.bounds import FRIENDS, UNANSWERED
from shared.friends.friendships import Friendships
from shared.friends.rows import NO_TOLD, Decision, Friendship, State
from shared.principals import Principal
from shared.problems import TooManyFriends, TooManyUnanswered

_MINUTES_TOLD = NO_TOLD // timedelta(minutes=1)


class Crowds:
    """Counts the rows of a person, by what they have decided themselves."""

    def __init__(self, friendships: Friendships) -> None:
        self._friendships = friendships

    async def refuse_one_more(
        self, owner: Principal, told: Decision, *, is_request: bool = False
    ) -> None:
        """Raises TooManyUnanswered or TooManyFriends if the owner may not decide about one person
        more. One query for each 1,000 about whom they have decided.

        Args:
            told: what they have decided about this person; all but NONE is counted already.
        """
        states = await self._friendships.counted(owner, FRIENDS.number)
        if is_request and states.count(State.REQUESTED) >= UNANSWERED.number:
            raise _too_many_unanswered()
        if told is Decision.NONE and len(states) >= FRIENDS.number:
            raise TooManyFriends(
                f"You have {FRIENDS.number} friends, requests and blocks, the most that you may"
                " have. End some (DELETE); each of these counts for"
                f" {_MINUTES_TOLD} minutes more."
            )

    async def undo_if_too_many(
        self, owner: Principal, own_row: Friendship, before: Decision
    ) -> None:
        """Count again after the write, because a person may send several requests at a time. Each
        that then finds too many is undone.

        Raises:
            TooManyUnanswered: it was.
        """
        most = UNANSWERED.number
        requested = await self._friendships.keys_in_state(owner, State.REQUESTED, most + 1)
        if len(requested) > most:
            await self._friendships.undo(own_row, before=before)
            raise _too_many_unanswered()


def _too_many_unanswered() -> TooManyUnanswered:
    return TooManyUnanswered(
        f"{UNANSWERED.number} of your requests are unanswered, the most that may be."
        " Withdraw some (DELETE), or wait for answers."
    )
