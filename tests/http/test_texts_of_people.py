"""Names, titles and spaces over HTTP: as people see them, in every answer."""

import uuid

from tests.support.people import People
from tests.support.stack import Host

WALES = "\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"


async def test_a_flag_stays_and_a_mark_of_direction_goes_from_name_title_and_space(
    one_host: Host, people: People
) -> None:
    alice, bob = people(one_host, "alice", "bob")
    space = f"{WALES} of {uuid.uuid4()}"
    await alice.renamed(f"\u200fAlice {WALES}\u00ad")
    title = f"\u200eNos da {WALES}\u200b"

    shared = await alice.share(str(uuid.uuid4()), {"space": f"\ufeff{space}"}, title=title)
    [listed] = await bob.invitations(f"{space}\u200e")

    assert shared.status == 201
    assert (shared.json["title"], listed["title"]) == (f"Nos da {WALES}",) * 2
    assert listed["host"]["displayName"] == f"Alice {WALES}"
    assert (await alice.ask("/user")).json["displayName"] == f"Alice {WALES}"


async def test_a_bots_name_is_cleaned_like_a_persons(one_host: Host, people: People) -> None:
    [operator] = people(one_host, "operator")
    operator.sign_in("Bots.Operate")
    path = f"/bots/{uuid.uuid4()}"

    made = await operator.ask(path, "PUT", {"displayName": f"\u200eHelp \u2066desk\u2069 {WALES}"})
    again = await operator.ask(path, "PUT", {"displayName": f"Help desk {WALES}\u200b"})

    assert (made.status, again.status) == (201, 200)
    assert made.json == again.json
    assert made.json["displayName"] == f"Help desk {WALES}"
