"""RingCentral's side: log-in, rate limits, schemas, requests, and carrying out a change.

`client.RingCentral` is what the pipeline uses. This room decides nothing about who should be
registered (that is `plan`) and remembers nothing between runs (that is `ledger`). What is true of
the API: `docs/ringcentral.md`.
"""
