"""The settings of all rooms, put together from `config.toml`, a secrets folder and environment variables.

`settings` says what can be set, `load` reads it, `environment` knows variables and the secrets
folder, and `problems` puts what is wrong into words. Reads no roster and no template.
"""

from onboarding.config.load import load
from onboarding.config.settings import Config, WebinarSettings

__all__ = ["Config", "WebinarSettings", "load"]
