"""The fleet: workers on any number of machines that share one ledger, and do the work of cron.

Each job is a function of `onboarding.pipeline.services.Services`: what is planned, sent and
recorded is the pipeline's business, and who was mailed is the ledger's alone.
`onboarding.fleet.engine` is the only module that knows procrastinate.
"""
