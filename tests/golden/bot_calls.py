"""The golden calls to a bot, by the bot's action in them."""

from collections.abc import Mapping

from tests.golden.client import acs

MANAGE_CALLS = "Calls.Manage"
PETRA, CAROL = acs("2053-5ced-a0e7e51839d7"), acs("2053-5d49-46af372217db")

# Calls to the bot, by the bot's action in them; the newest first.
ROSAS_BUSY = "a0cfa5c674494294b4fcce7886755a9b"
ROSAS = "1b89747b32914f5991d9b61f534eae5e"
TALKING = "c094297d30804809ab6a5efb17ebc1fe"
OVER = "2fb6b9cd375b4beabbe9ebdc1bba8a2a"
ASKING_AGAIN = "4b984389fcaf4529ba009a031c856350"
CONNECTING_CAROL = "d637e9a63e0a47819f3ab2f5fda5066d"
SAYING = "188a4ca4b4da4c188567ea44107f4a95"
LISTENING = "cf8aed20bee94baebc772bce788ea081"
GREETING_DIED = "e4c7881d1bfe4c90b186318d48424ab8"
GREETING_AGAIN = "fcbb39f8c99e49b88728f13b38c0d590"
GREETING = "9e82073513a347d59d5467a3a0c3d156"
ANSWERED = "108fa081291948f6bc46a6e075b9d384"
MISSED_REFUSED = "f851d6442cd24ac7bc6c4e02e6c4d891"
MISSED_GONE = "a1c66460bd0b4efeac33e16366646b50"
RINGING_NOTED = "71d1585860484fa18bdc8832432e1fe9"
RINGING = "2a477faed66b46ce91af6d3fd8cff844"
HUNG_UP = "e3c2e608317641e4bee96c810b98a0bd"
NEWEST_FIRST = [
    *(ROSAS_BUSY, ROSAS, TALKING, OVER, ASKING_AGAIN, CONNECTING_CAROL, SAYING, LISTENING),
    *(GREETING_DIED, GREETING_AGAIN, GREETING, ANSWERED, MISSED_REFUSED, MISSED_GONE),
    *(RINGING_NOTED, RINGING, HUNG_UP),
]

# The bot's current action in a call, as ACS knows it: the connection, and the action.
DOES: Mapping[str, tuple[str, str]] = {
    GREETING: ("f7803495-ea20-429b-bb69-008dd9227d0c", "b819197b6e634ae2b6c638fec2c9ee11"),
    LISTENING: ("c7be6d49-0b74-492f-92b6-0aa0ea3e824c", "65d7cdd16c954c0e9d476362246b543a"),
    SAYING: ("c9d555d6-5d73-4402-aab9-4d8bae636c47", "c33a37ff26c1497e8511f542d46e88a9"),
    CONNECTING_CAROL: (
        "679be8a9-91ec-4556-bb23-d68ed1ae6c73",
        "bf9b473d6d6e4628acde0ecce05859e1",
    ),
    ASKING_AGAIN: ("72f22627-da64-4592-b1a2-afec3fcd6060", "848bb8895e6842358e65f162234ae357"),
    TALKING: ("7e2a2403-2a6e-41ab-820f-8af12e062840", "42fa477a27234b19a948aa3ab76b87ad"),
    GREETING_DIED: (
        "3dfae513-7d0f-49d2-8ec7-941269555fd2",
        "a58aacb8c8bb42dda7c2830bacba4481",
    ),
}
