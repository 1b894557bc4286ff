"""What starts `run --all` regularly: a line in a crontab, or a systemd service with its timer.

`crontab` and `units` write the text, `install` puts it where the user's own cron or systemd looks.
What a run does then is the pipeline's business.
"""
