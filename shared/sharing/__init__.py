"""Sharing of calls: owners share group calls and Teams meetings with friends, users or a space.

The record of a shared call says who may join it; a row for each person or space lists it. Function
folders use `contract` (bodies and answers) and `calendar_files`. A capability is a text that lets
everybody who has it join. `shared.meetings` uses `Invitations`, `SharedCalls`, `Audience` and the
types of `rows` to share what it schedules. `app` builds `GroupCalls`, `Invitations` and
`SharedCalls`.
"""
