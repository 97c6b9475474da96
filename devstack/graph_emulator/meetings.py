"""Meetings as Graph shows them: their ids, links and everything else."""

import base64
import binascii
import html
import re
import secrets
import string
import time
import uuid
from dataclasses import dataclass
from typing import cast
from urllib.parse import quote_plus

from pydantic import JsonValue

from devstack.graph_emulator.bodies import (
    Attendee,
    CreateBody,
    CreateOrGetBody,
    MeetingOptions,
    UpdateBody,
)
from devstack.graph_emulator.tenant import JoinWebUrls, Look, TenantUser
from devstack.graph_emulator.times import HOUR, written_time
from devstack.well_known import TENANT_ID

# The id is the base64 of this, as those of real meetings are.
_ID = re.compile(r"1\*(?P<organizer>[0-9a-f-]{36})\*0\*\*19:meeting_[A-Za-z0-9+/=]+@thread\.v2")
_ALPHANUMERIC = string.ascii_letters + string.digits

type Content = dict[str, JsonValue]


@dataclass(frozen=True)
class Meeting:
    """A meeting of `organizer` (an object id), its content as Graph shows it to them."""

    organizer: str
    content: Content

    @property
    def id(self) -> str:
        return str(self.content["id"])

    @property
    def external_id(self) -> str | None:
        return cast("str | None", self.content["externalId"])

    @property
    def join_web_url(self) -> str:
        return str(self.content["joinWebUrl"])

    @property
    def join_meeting_id(self) -> str | None:
        match self.content["joinMeetingIdSettings"]:
            case {"joinMeetingId": str(join_meeting_id)}:
                return join_meeting_id
            case _:
                return None


def organizer_in(meeting_id: str) -> str | None:
    """Whose meeting the id is of, whether it exists or not; None if it is no meeting's id."""
    try:
        text = base64.b64decode(meeting_id, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    match = _ID.fullmatch(text)
    return match["organizer"] if match else None


def new_meeting(organizer: TenantUser, body: CreateBody | CreateOrGetBody, look: Look) -> Meeting:
    """A meeting as it is wanted. Without times it starts now; without an end it takes an hour."""
    now = time.time_ns() // 100
    start = now if body.start_date_time is None else body.start_date_time
    end = start + HOUR if body.end_date_time is None else body.end_date_time
    options = body if isinstance(body, MeetingOptions) else MeetingOptions()
    wanted = options.model_dump(by_alias=True, include=set(MeetingOptions.model_fields))
    # As recorded: base64 of a GUID's text, in an id that is base64 too. Neither length has padding
    # and neither text gives a slash, so an id can be in a path as it is.
    thread = f"19:meeting_{base64.b64encode(str(uuid.uuid4()).encode()).decode()}@thread.v2"
    meeting_id = base64.b64encode(f"1*{organizer.object_id}*0**{thread}".encode()).decode()
    joining = _join_meeting_id_settings(look.passcode)
    url = _join_web_url(organizer.object_id, thread, joining, look.join_web_urls)
    return Meeting(
        organizer.object_id,
        {
            "id": meeting_id,
            "creationDateTime": written_time(now),
            "startDateTime": written_time(start),
            "endDateTime": written_time(end),
            "joinWebUrl": url,
            "subject": body.subject,
            "externalId": body.external_id if isinstance(body, CreateOrGetBody) else None,
            "videoTeleconferenceId": None,
            **wanted,
            "participants": {
                "organizer": _participant(organizer.object_id, organizer.upn, "presenter"),
                "attendees": _attendees(body.participants.attendees if body.participants else []),
            },
            "audioConferencing": _audio_conferencing() if look.audio_conferencing else None,
            "chatInfo": {"threadId": thread, "messageId": "0", "replyChainMessageId": None},
            "joinInformation": _join_information(url),
            "joinMeetingIdSettings": joining,
        },
    )


def updated(meeting: Meeting, body: UpdateBody) -> Meeting:
    """The meeting with what is in the body, and nothing else, changed."""
    content = dict(meeting.content)
    changes = body.model_dump(
        by_alias=True, exclude_unset=True, include=set(MeetingOptions.model_fields)
    )
    lobby = cast("Content", content["lobbyBypassSettings"])
    content |= {**changes, "lobbyBypassSettings": lobby | changes.get("lobbyBypassSettings", {})}
    if "subject" in body.model_fields_set:
        content["subject"] = body.subject
    if body.start_date_time is not None and body.end_date_time is not None:
        content["startDateTime"] = written_time(body.start_date_time)
        content["endDateTime"] = written_time(body.end_date_time)
    if body.participants is not None and "attendees" in body.participants.model_fields_set:
        participants = cast("Content", content["participants"])
        attendees = _attendees(body.participants.attendees)
        content["participants"] = {**participants, "attendees": attendees}
    return Meeting(meeting.organizer, content)


def _attendees(attendees: list[Attendee]) -> JsonValue:
    return [_participant(who.identity.user.id, who.upn, who.role) for who in attendees]


def _participant(object_id: str | None, upn: str | None, role: str | None) -> JsonValue:
    user: JsonValue = None
    if object_id is not None:
        user = {
            "id": object_id,
            "displayName": None,  # as recorded: Graph does not say it here
            "tenantId": TENANT_ID,
            "identityProvider": "AAD",
        }
    return {"upn": upn, "role": role, "identity": {"user": user}}


def _join_meeting_id_settings(passcode: bool | None) -> Content | None:
    if passcode is None:
        return None
    return {
        "isPasscodeRequired": passcode,
        "joinMeetingId": f"2{secrets.randbelow(10**12):012}",
        "passcode": _random_text(6) if passcode else None,
    }


def _join_web_url(organizer: str, thread: str, joining: Content | None, form: JoinWebUrls) -> str:
    if form == "short" and joining is not None:
        return f"https://teams.microsoft.com/meet/{joining['joinMeetingId']}?p={_random_text(18)}"
    # Percent-encoded with small digits, as recorded.
    path = thread.replace(":", "%3a").replace("@", "%40")
    context = f'{{"Tid":"{TENANT_ID}","Oid":"{organizer}"}}'
    for character in '{}":,':
        context = context.replace(character, f"%{ord(character):02x}")
    return f"https://teams.microsoft.com/l/meetup-join/{path}/0?context={context}"


def _audio_conferencing() -> JsonValue:
    number = f"{secrets.randbelow(10**9):09}"
    return {
        "conferenceId": number,
        "tollNumber": "+1 425-555-0100",  # in the range that belongs to nobody
        "tollFreeNumber": None,
        "dialinUrl": f"https://dialin.teams.microsoft.com/{uuid.uuid4()}?id={number}",
    }


def _join_information(url: str) -> JsonValue:
    page = f'<div><a href="{html.escape(url)}">Microsoft Teams</a></div>'
    return {"content": f"data:text/html,{quote_plus(page)}", "contentType": "html"}


def _random_text(length: int) -> str:
    return "".join(secrets.choice(_ALPHANUMERIC) for _ in range(length))
