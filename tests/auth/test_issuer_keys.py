"""An issuer's keys: fetched over real HTTP, kept through outages, refetched with restraint."""

import asyncio
from typing import Any

import aiohttp
import pytest

from shared.auth.issuer_keys import IssuerKeys
from shared.problems import IssuerMisconfigured
from shared.unavailable import KeysUnavailable
from tests.auth.key_fixtures import (
    HOUR,
    OTHER,
    PUBLIC,
    Clock,
    Provider,
    clock,
    find,
    keys,
    provider,
    until,
)

__all__ = ["clock", "keys", "provider"]


async def test_a_key_is_fetched_once_and_kept(keys: IssuerKeys, provider: Provider) -> None:
    found = await asyncio.gather(*(find(keys, "one") for _ in range(50)))

    assert all(key is not None for key in found)
    assert provider.key_requests == 1


async def test_a_token_without_a_key_id_may_be_signed_by_any_key(
    keys: IssuerKeys, provider: Provider, clock: Clock
) -> None:
    provider.keys.append({**OTHER, "kid": "two"})

    assert len(await keys.find(None, "RS256")) == 2


async def test_a_hundred_unknown_key_ids_at_once_cause_one_request(
    keys: IssuerKeys, provider: Provider, clock: Clock
) -> None:
    found = await asyncio.gather(*(find(keys, f"unknown-{n}") for n in range(100)))
    assert set(found) == {None}
    assert provider.key_requests == 1

    clock.now += 61
    await asyncio.gather(*(find(keys, f"unknown-{n}") for n in range(100)))
    assert provider.key_requests == 2


async def test_four_hundred_unknown_key_ids_one_after_the_other_cause_few_requests(
    keys: IssuerKeys, provider: Provider, clock: Clock
) -> None:
    """An id that could not be looked for is not judged; the other ids do not exist."""
    judged, unjudged = 0, list[float | None]()
    for n in range(400):
        clock.now += 0.01
        try:
            assert await find(keys, f"unknown-{n}") is None
            judged += 1
        except KeysUnavailable as unavailable:
            unjudged.append(unavailable.retry_after)

    assert (judged, len(unjudged), provider.key_requests) == (5, 395, 5)
    assert all(wait is not None and 0 < wait <= 20 for wait in unjudged)
    assert await find(keys, "one") is not None  # nobody with a known key waits for them


async def test_an_id_that_was_looked_for_just_now_is_absent_without_a_request(
    keys: IssuerKeys, provider: Provider, clock: Clock
) -> None:
    await find(keys, "one")
    for _ in range(20):
        assert await find(keys, "forged") is None
    assert provider.key_requests == 2

    clock.now += 6
    provider.keys.append({**OTHER, "kid": "forged"})
    assert await find(keys, "forged") is not None


async def test_a_sender_that_would_not_come_again_is_not_refused_for_a_key_that_may_exist(
    provider: Provider, clock: Clock
) -> None:
    async with aiohttp.ClientSession() as session:
        keys = IssuerKeys(provider.url, session, clock, judges_at_once=False)
        assert await find(keys, "new") is None  # all keys have just been fetched
        clock.now += 3
        with pytest.raises(KeysUnavailable) as unjudged:
            await find(keys, "new")
        provider.keys.append({**OTHER, "kid": "new"})
        clock.now += 3

        assert await find(keys, "new") is not None
    assert unjudged.value.retry_after == pytest.approx(2)


async def test_a_new_key_is_found_by_all_who_come_at_once_right_after_a_fetch(
    keys: IssuerKeys, provider: Provider
) -> None:
    await find(keys, "one")
    provider.keys = [{**OTHER, "kid": "two"}]

    found = await asyncio.gather(*(find(keys, "two") for _ in range(20)))

    assert all(key is not None for key in found)
    assert provider.key_requests == 2


async def test_a_new_key_is_found_while_the_keys_are_refreshed_in_the_background(
    keys: IssuerKeys, provider: Provider, clock: Clock
) -> None:
    await find(keys, "one")
    clock.now += HOUR + 1
    provider.keys.append({**OTHER, "kid": "two"})
    provider.gate.clear()
    assert await find(keys, "one") is not None  # begins the refresh, and does not wait for it
    asking = [asyncio.ensure_future(find(keys, "two")) for _ in range(20)]
    await until(lambda: provider.key_requests == 2)
    provider.gate.set()

    assert all(key is not None for key in await asyncio.gather(*asking))
    assert provider.key_requests == 2


@pytest.mark.parametrize("is_refresh", [True, False])
async def test_a_new_key_is_found_beside_a_fetch_that_began_before_it_was_published(
    keys: IssuerKeys, provider: Provider, clock: Clock, is_refresh: bool
) -> None:
    """Such a fetch does not show that the key does not exist."""
    await find(keys, "one")
    provider.reads_early = True
    provider.gate.clear()
    if is_refresh:
        clock.now += HOUR + 1
        assert await find(keys, "one") is not None
    else:
        looking = asyncio.ensure_future(find(keys, "made up"))
    await until(lambda: provider.key_requests == 2)
    clock.now += 0 if is_refresh else 2
    provider.keys.append({**OTHER, "kid": "two"})
    asking = [asyncio.ensure_future(find(keys, "two")) for _ in range(20)]
    await asyncio.sleep(0)
    provider.gate.set()

    assert all(key is not None for key in await asyncio.gather(*asking))
    assert provider.key_requests == 3
    if not is_refresh:
        assert await looking is None


async def test_a_rotated_key_is_found(keys: IssuerKeys, provider: Provider, clock: Clock) -> None:
    await find(keys, "one")
    provider.keys = [{**PUBLIC, "kid": "two"}]
    clock.now += 61

    assert await find(keys, "two") is not None
    assert await find(keys, "one") is None


async def test_old_keys_are_refreshed_behind_the_request(
    keys: IssuerKeys, provider: Provider, clock: Clock
) -> None:
    await find(keys, "one")
    provider.gate.clear()
    clock.now += HOUR + 1

    assert await find(keys, "one") is not None  # does not wait for the gate
    await until(lambda: provider.key_requests == 2)


async def test_a_smaller_cache_control_is_honoured(
    keys: IssuerKeys, provider: Provider, clock: Clock
) -> None:
    provider.headers = {"Cache-Control": "public, max-age=600"}
    await find(keys, "one")
    clock.now += 601
    await find(keys, "one")

    await until(lambda: provider.key_requests == 2)


async def test_known_keys_outlive_a_day_of_outage_and_no_more(
    keys: IssuerKeys, provider: Provider, clock: Clock
) -> None:
    await find(keys, "one")
    provider.status = 500
    clock.now += 23 * HOUR
    assert await find(keys, "one") is not None

    clock.now += 2 * HOUR
    with pytest.raises(KeysUnavailable):
        await find(keys, "one")


async def test_an_unknown_key_during_an_outage_is_not_judged(
    keys: IssuerKeys, provider: Provider, clock: Clock
) -> None:
    await find(keys, "one")
    provider.status = 500
    clock.now += 61

    for _ in range(3):  # also while the failure is fresh and nobody asks again
        with pytest.raises(KeysUnavailable):
            await find(keys, "perhaps rotated")


async def test_a_failed_fetch_is_tried_again_after_five_seconds(
    keys: IssuerKeys, provider: Provider, clock: Clock
) -> None:
    provider.status = 500
    for _ in range(10):
        with pytest.raises(KeysUnavailable) as caught:
            await find(keys, "one")
        assert caught.value.retry_after is not None
        assert 0 < caught.value.retry_after <= 5

    provider.status = 200
    with pytest.raises(KeysUnavailable):
        await find(keys, "one")
    clock.now += 5
    assert await find(keys, "one") is not None


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("metadata", {"jwks_uri": "http://evil.example/keys"}),
        ("metadata", {"jwks_uri": None}),
        ("status", 302),
        ("keys", None),
        ("padding", "x" * 300_000),
        ("raw", b"[" * 100_000),
    ],
)
async def test_what_is_not_the_issuers_own_document_is_not_believed(
    keys: IssuerKeys, provider: Provider, change: str, value: Any
) -> None:
    setattr(provider, change, value)

    for _ in range(5):
        with pytest.raises(KeysUnavailable):
            await find(keys, "one")
    assert provider.key_requests <= 1  # and the issuer is left in peace


@pytest.mark.parametrize(
    ("change", "value", "remedy"),
    [
        ("metadata", {"issuer": "https://evil.example"}, "names another issuer"),
        ("status", 404, "there is no document"),
        ("status", 410, "there is no document"),
    ],
)
async def test_a_document_that_is_not_there_or_anothers_is_a_wrong_setting(
    keys: IssuerKeys, provider: Provider, change: str, value: Any, remedy: str
) -> None:
    setattr(provider, change, value)

    for _ in range(3):
        with pytest.raises(IssuerMisconfigured) as caught:
            await find(keys, "one")
        assert caught.value.detail == "Wrong or missing settings: AUTH_ISSUER."
        assert remedy in caught.value.remedy
    assert provider.key_requests == 0


async def test_an_issuer_that_was_right_before_is_out_of_order_and_not_another(
    keys: IssuerKeys, provider: Provider, clock: Clock
) -> None:
    await find(keys, "one")
    provider.status = 404
    clock.now += 61

    with pytest.raises(KeysUnavailable):
        await find(keys, "perhaps rotated")


async def test_documents_may_lie_elsewhere_than_below_the_issuer(provider: Provider) -> None:
    """As those of AD FS, whose access tokens name what cannot be fetched; and of Azure AD B2C."""
    name = "http://adfs.example/adfs/services/trust"
    metadata_url = f"{provider.url}/.well-known/openid-configuration"
    provider.metadata = {"access_token_issuer": name}
    async with aiohttp.ClientSession() as session:
        by_metadata = IssuerKeys(name, session, metadata_url=metadata_url)
        by_keys = IssuerKeys(name, session, keys_url=f"{provider.url}/keys")

        assert await find(by_metadata, "one") is not None
        assert await find(by_keys, "one") is not None


async def test_an_issuer_that_is_not_there_is_an_outage() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(KeysUnavailable):
            await IssuerKeys("http://127.0.0.1:9", session).find("one", "RS256")
