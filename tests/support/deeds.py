"""What people have asked for in an interleaved world, and what their decisions say in the end."""

from dataclasses import dataclass

from shared.friends.rows import Friend
from shared.problems import Problem
from shared.sharing.invitations import SharedCallView


@dataclass(frozen=True)
class Wish:
    """A request to come.

    Attributes:
        stop_after: the write behind which its instance dies; 0 for never.
        audience: of a sharing: "friends", "space", or numbers of people.
        title: of a sharing.
        lose_after: the write whose answer is lost; 0 for none.
    """

    kind: str
    who: int
    whom: int = 0
    stop_after: int = 0
    audience: str = ""
    title: str = ""
    lose_after: int = 0


@dataclass
class Deed:
    """A request that has begun. Times are counts of what happened; `ended` 0: it was cut off."""

    wish: Wish
    began: int
    ended: int = 0
    seen: Friend | None = None
    listed: list[SharedCallView] | None = None
    refused: Problem | None = None


class Decisions:
    """All requests so far, in the order in which they began."""

    def __init__(self) -> None:
        self.deeds: list[Deed] = []

    def words(self, who: int, whom: int) -> list[tuple[Deed, bool]]:
        """All decisions on what one says about another, and whether they say yes."""
        found = []
        for deed in self.deeds:
            wish, refused = deed.wish, deed.refused is not None
            said = (wish.who, wish.whom) == (who, whom)
            if said and wish.kind in ("add", "remove", "block") and not refused:
                found.append((deed, wish.kind == "add"))
            elif wish.kind == "forget" and wish.who in (who, whom) and not refused:
                found.append((deed, False))
        return found

    def over(self, deed: Deed) -> int:
        """When a request can change nothing any more; 0 if that is not known.

        An erasure is over once another of the same person is answered, also if it is slow itself:
        who comes after that answer is somebody new. So it excuses nothing that is said later.
        """
        ends = [deed.ended] if deed.ended else []
        if deed.wish.kind == "forget":
            ends += [
                other.ended
                for other in self.deeds
                if (other.wish.kind, other.wish.who) == ("forget", deed.wish.who)
                and other.refused is None
                and other.ended > deed.began
            ]
        return min(ends, default=0)

    def last_words(self, who: int, whom: int) -> set[bool]:
        """Whether one says yes in the end; both, where decisions were made at the same time."""
        words = [(deed, self.over(deed), yes) for deed, yes in self.words(who, whom)]
        latest = max((deed.began for deed, over, _ in words if over), default=0)
        return {yes for _, over, yes in words if not over or over > latest} or {False}

    def had_withdrawn(self, who: int, whom: int, at: int) -> bool:
        """Has one said no by a request that was answered before, and not begun to say yes since?"""
        words = [(deed, self.over(deed), yes) for deed, yes in self.words(who, whom)]
        return any(
            not yes
            and 0 < over < at
            and not any(yes and (not end or end > no.began) for _, end, yes in words)
            for no, over, yes in words
        )
