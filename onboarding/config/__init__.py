"""The settings of all rooms: from `config.toml`, a secrets folder and environment variables.

`settings` says what can be set, `load` reads it and says what is wrong, and `environment` knows
variables and the secrets folder. Reads no roster and no template.
"""

from onboarding.config.load import load
from onboarding.config.settings import Config, WebinarSettings

__all__ = ["Config", "WebinarSettings", "load"]
