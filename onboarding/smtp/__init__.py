"""SMTP: one message to one recipient in one transaction, and always the truth about its end.

`pool` lends connections. A connection sends a message's envelope (`MAIL`, `RCPT`, `DATA`), and the
body and final dot once the pipeline has recorded that the message is being sent. `replies` decides
what a refusal is about, `connect` opens connections (TLS, log-in), `protocol` reads and writes the
wire. The room has no ledger, no send rate and no queue: the pipeline has them.
"""
