"""The mail room's tests: our own scripted server for faults, aiosmtpd for TLS and log-ins, a real Postfix."""
