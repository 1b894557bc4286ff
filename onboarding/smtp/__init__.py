"""The mail room: one message, one recipient, one SMTP transaction whose every end is told truly.

`pool` lends connections; a connection offers a message (`MAIL`, `RCPT`, `DATA`) and, once the pipeline has written
down that it is on its way, hands it over (body and final dot). `replies` decides whom a refusal means, `connect`
gets in (TLS, log-in), `line` speaks the wire. It keeps no ledger, no pace and no queue: the pipeline does.
"""
