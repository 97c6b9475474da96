"""Meetings as Graph answers them: their ids, their links and everything else."""

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
from devstack.graph_emulator.tenant import JoinOptions, JoinWebUrls, TenantUser
from devstack.graph_emulator.times import HOUR, written_time
from devstack.well_known import TENANT_ID

# Ids are the base64 of this, as the ids of real meetings are.
_ID = re.compile(r"1\*(?P<organizer>[0-9a-f-]{36})\*0\*\*19:meeting_[A-Za-z0-9+/=]+@thread\.v2")
_ALPHANUMERIC = string.ascii_letters + string.digits

type Content = dict[str, JsonValue]


@dataclass(frozen=True)
class Meeting:
    """A meeting: the object id of its organizer, and its content as Graph answers it to them."""

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
    """The organizer whom a meeting id names, whether the meeting exists or not.

    None if it is no meeting id at all.
    """
    try:
        text = base64.b64decode(meeting_id, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    match = _ID.fullmatch(text)
    return match["organizer"] if match else None


def new_meeting(
    organizer: TenantUser, body: CreateBody | CreateOrGetBody, join_options: JoinOptions
) -> Meeting:
    """The meeting that a body asks for. Its default start is now, its default length an hour."""
    now = time.time_ns() // 100
    start = now if body.start_date_time is None else body.start_date_time
    end = start + HOUR if body.end_date_time is None else body.end_date_time
    options = body if isinstance(body, MeetingOptions) else MeetingOptions()
    settings = options.model_dump(by_alias=True, include=set(MeetingOptions.model_fields))
    # As recorded: the base64 of a GUID's text, inside an id that is base64 too. Both have lengths
    # without padding and texts that give no slash, so that an id needs no encoding in a path.
    thread = f"19:meeting_{base64.b64encode(str(uuid.uuid4()).encode()).decode()}@thread.v2"
    meeting_id = base64.b64encode(f"1*{organizer.object_id}*0**{thread}".encode()).decode()
    join_settings = _join_meeting_id_settings(join_options.passcode)
    url = _join_web_url(organizer.object_id, thread, join_settings, join_options.join_web_urls)
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
            **settings,
            "participants": {
                "organizer": _participant(organizer.object_id, organizer.upn, "presenter"),
                "attendees": _attendees(body.participants.attendees if body.participants else []),
            },
            "audioConferencing": _audio_conferencing() if join_options.audio_conferencing else None,
            "chatInfo": {"threadId": thread, "messageId": "0", "replyChainMessageId": None},
            "joinInformation": _join_information(url),
            "joinMeetingIdSettings": join_settings,
        },
    )


def updated(meeting: Meeting, body: UpdateBody) -> Meeting:
    """The meeting with the changes of the body, and no others."""
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
    return [_participant(one.identity.user.id, one.upn, one.role) for one in attendees]


def _participant(object_id: str | None, upn: str | None, role: str | None) -> JsonValue:
    user: JsonValue = None
    if object_id is not None:
        user = {
            "id": object_id,
            "displayName": None,  # as recorded: Graph gives no name here
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


def _join_web_url(
    organizer: str, thread: str, join_settings: Content | None, form: JoinWebUrls
) -> str:
    if form == "short" and join_settings is not None:
        meeting_id = join_settings["joinMeetingId"]
        return f"https://teams.microsoft.com/meet/{meeting_id}?p={_random_text(18)}"
    # Percent-encoded with lower-case digits, as recorded.
    path = thread.replace(":", "%3a").replace("@", "%40")
    context = f'{{"Tid":"{TENANT_ID}","Oid":"{organizer}"}}'
    for character in '{}":,':
        context = context.replace(character, f"%{ord(character):02x}")
    return f"https://teams.microsoft.com/l/meetup-join/{path}/0?context={context}"


def _audio_conferencing() -> JsonValue:
    number = f"{secrets.randbelow(10**9):09}"
    return {
        "conferenceId": number,
        "tollNumber": "+1 425-555-0100",  # a number that belongs to nobody
        "tollFreeNumber": None,
        "dialinUrl": f"https://dialin.teams.microsoft.com/{uuid.uuid4()}?id={number}",
    }


def _join_information(url: str) -> JsonValue:
    page = f'<div><a href="{html.escape(url)}">Microsoft Teams</a></div>'
    return {"content": f"data:text/html,{quote_plus(page)}", "contentType": "html"}


def _random_text(length: int) -> str:
    return "".join(secrets.choice(_ALPHANUMERIC) for _ in range(length))
