"""People whose clients do what answers tell them, on any of several hosts, and lose answers."""

import asyncio
import copy
import random
from collections import Counter
from collections.abc import Sequence

import aiohttp

from tests.support.api import Reply, ask
from tests.support.patience import PAUSE_SECONDS, told_to_wait
from tests.support.people import Person
from tests.support.stack import Host

# How often one request may be sent, and not how long that may take: machines are busy. Hosts die,
# and of the tries of an erasure, which asks storage 43 times, half come to a request that is not
# answered.
MOST_TRIES = 100
# No answer takes so long, however busy the machine is; the host hangs.
_HANGS_SECONDS = 300.0
# Share of the answers that do not reach the client, though the host has sent them.
_LOST = 0.05


class Hosts:
    """The hosts behind one address: each request comes to any of them, as behind a balancer.

    Attributes:
        answers: how often each status was answered, and what else came of requests.
    """

    def __init__(self, hosts: Sequence[Host], chance: random.Random) -> None:
        self.all = list(hosts)
        self.chance = chance
        self.answers: Counter[str] = Counter()

    def any(self) -> Host:
        return self.chance.choice(self.all)

    def loses_answer(self) -> bool:
        return self.chance.random() < _LOST


class PatientPerson(Person):
    """Somebody whose client sends a request again until it is answered for good."""

    _hosts: Hosts

    @classmethod
    def of(cls, person: Person, hosts: Hosts) -> "PatientPerson":
        patient = copy.copy(person)
        patient.__class__ = cls
        assert isinstance(patient, cls)
        patient._hosts = hosts
        return patient

    async def ask(
        self, path: str, method: str = "GET", json: object = None, **headers: str
    ) -> Reply:
        """The last answer; what said that the same is to be sent again was obeyed.

        Raises:
            AssertionError: all of `MOST_TRIES` were in vain.
            TimeoutError: a host has hung.
        """
        hosts = self._hosts
        for _ in range(MOST_TRIES):
            pause, reply = PAUSE_SECONDS * hosts.chance.uniform(0.5, 1.5), None
            try:
                async with asyncio.timeout(_HANGS_SECONDS):
                    reply = await ask(
                        self._client,
                        hosts.any(),
                        path,
                        self.bearer,
                        method=method,
                        json=json,
                        headers=headers,
                    )
            except aiohttp.ClientError:
                hosts.answers["no host"] += 1
            else:
                hosts.answers[str(reply.status)] += 1
                if not hosts.loses_answer():
                    wait = told_to_wait(reply, pause)
                    if wait is None:
                        return reply
                    pause = wait
            await asyncio.sleep(pause)
        raise AssertionError(f"{method} {path}: {MOST_TRIES} tries, the last {reply}")
