"""Recognizes that a call is shared again unchanged: then no listing has to be written."""

from dataclasses import replace
from datetime import datetime, timedelta

from shared.sharing.rows import SharedCallRecord

# A call without times is listed for a day from when it was last shared. Sharing it again so soon
# repeats that sharing, and does not prolong it.
_REPEATED_WITHIN = timedelta(minutes=10)
# How far the clocks of two hosts may differ: on another host the call may have ended already, and
# then that host may be removing its rows.
_CLOCKS_DIFFER = timedelta(minutes=5)


def as_repetition(
    record: SharedCallRecord, previous: SharedCallRecord, at: datetime
) -> SharedCallRecord | None:
    """The record, settled, if all rows show just this already; None if they do not.

    Args:
        record: what is going to be written in the place of `previous`.
    """
    content, shown = record.content, previous.content
    if content is None or shown is None or not previous.is_settled:
        return None
    unchanged = replace(content, shared_at=shown.shared_at)
    is_soon = abs(content.shared_at - shown.shared_at) <= _REPEATED_WITHIN
    if (
        unchanged == shown
        and (is_soon or content.starts_at is not None)
        and previous.is_live(at + _CLOCKS_DIFFER)
        and record.consent is previous.consent
        and record.invitees == previous.invitees
        and record.space == previous.space
    ):
        return replace(record, content=unchanged, is_settled=True)
    return None
