"""What a person does in two steps, for a server that can't wait at a question as a terminal does.

Each act says first what it would do, for which people (`proposal`); later, after the person's yes,
it looks again and does it, but only if that is still the same. Both steps hold the webinar's lease
for themselves, not for the time between them. What is done is done by the functions that the
commands call: `send_now`, `resend`, `decide`, `approve` and `copy_link` are thin. Pages are no
business of this room.
"""
