"""HTTPS to others, with an end to everything: how long a call takes, how much an answer holds, how deep its JSON goes.

Used by `ringcentral` and by the log-ins in `mail`. Knows neither: no path, no token, no meaning of
a status. `client` makes one call, `proxy` and `trust` read the environment variables that lead it,
`strict_json` reads what came.
"""
