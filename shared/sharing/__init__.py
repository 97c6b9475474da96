"""Sharing of calls: owners share group calls and Teams meetings with friends, users or a space.

The record of a shared call says who may join it; a row for each person or space lists it. Function
folders use `contract` (bodies and answers) and `calendar_files`. Meetings use `Invitations` and
`SharedCalls` to share what they schedule, and `Audience` and the types of `rows` with them. `app`
builds `GroupCalls`, `Invitations` and `SharedCalls`.
"""
