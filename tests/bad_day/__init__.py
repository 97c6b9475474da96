"""The whole stack on a day when what it asks fails, with clients that retry as they are told."""
