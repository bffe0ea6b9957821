"""Settings: where they come from, what they mean, and how they are checked.

`options` lists them all, `sources` reads them from the command line, the environment and files, `values` checks each
one, `settings` puts them together; `spring` reads the application's own, `urls` masks passwords.
"""

from zenctx.config.options import OPTIONS, Option
from zenctx.config.settings import DEFAULT, Settings, load_settings
from zenctx.config.urls import mask_url
from zenctx.config.values import Directory

__all__ = ["DEFAULT", "OPTIONS", "Directory", "Option", "Settings", "load_settings", "mask_url"]
