"""The story: from a roster row to `sent`. Here, and in `reports/`, several rooms are seen together; nowhere else.

Read in this order: `target` (which webinar), `services` (what is opened for a run), `refresh` (roster, RingCentral and
ledger become one picture), `register` (the change is applied), `deliver` (messages are queued and delivered), and
`run`, which joins them for one webinar. `status` and `check` only look.
"""
