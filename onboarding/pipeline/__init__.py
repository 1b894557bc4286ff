"""The story: from a roster row to `sent`. Here, and in `reports/`, several rooms are seen together; nowhere else.

Read in this order: `target` (which webinar), `rooms` (what is opened for a run), `looking` (roster, RingCentral and
ledger become one picture), `registering` (the change is applied), `mailing` (messages are queued and delivered), and
`run`, which joins them for one webinar. `status` and `checking` only look.
"""
