"""What the DNS says of a sender: SPF, DKIM and DMARC, for `onboarding check --dns`."""
