"""RingCentral and a mail server on this machine: for users without a sandbox, and for the tests.

Follows `docs/ringcentral.md` and nothing else. What the vendor leaves open is a switch in `rules`.
It never leaves this machine, sends no mail, and forgets everything when it stops. `server` and
`smtp_catcher` start the two servers, `account` holds the account, and `state` and `seed` describe
an account at the start.
"""
