"""RingCentral and a mail catcher on loopback, for users without a sandbox and for the tests.

Keeps to `docs/ringcentral.md` and to nothing else: what the vendor leaves open is a switch in `rules`. It never leaves
this machine, mails nobody and forgets everything when it stops. `serve` starts both servers; `world` holds the
account; `state` and `staging` say what an account looks like at the start.
"""
