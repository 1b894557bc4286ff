"""The web pages on which producers and marketing see their webinars, and act.

Begin with `routes`: every address, with who may open it. `guard` and `access` stand before all of
them, and each page has a module of its own. A page asks `pipeline` and never the ledger: what the
command line may not do, the console may not either. Story: `onboarding serve`.
"""
