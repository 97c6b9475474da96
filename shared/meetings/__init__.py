"""Teams meetings: schedules them through Microsoft Graph, and shares them with people.

Function folders use `contract` (the bodies). `app` builds `Meetings`, `ScheduledMeetings` and the
adapter to Graph; `operate` asks `graph` whether the app may act for the organizer. Nobody else
needs more than that.
"""
