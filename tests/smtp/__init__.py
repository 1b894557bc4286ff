"""Tests of SMTP: a scripted server of ours for faults, aiosmtpd for log-ins, a real Postfix."""
