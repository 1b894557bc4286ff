"""HTTPS to other servers, with limits on the time of a call and on the size and depth of an answer.

Used by `ringcentral` and by the OAuth log-ins in `smtp`. Knows neither: no path, no token, no
meaning of a status. `client` makes the call, `variables` reads the environment variables that lead
it, `strict_json` reads the answer's content.
"""
