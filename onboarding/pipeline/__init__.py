"""The story: from a roster row to `sent`. Only here and in `reports` several rooms meet.

Read in this order: `target` (which webinar), `services` (what is opened for a command), `refresh`
(roster, RingCentral and ledger become one snapshot), `register` (the change is applied), `deliver`
and `send` (messages are queued and sent), and `run`, which joins them for one webinar. `status` and
`check` change nothing.
"""
