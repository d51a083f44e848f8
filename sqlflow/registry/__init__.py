"""Who is installed and what they brought. Must not know documents, plans or runs."""

from .catalog import HOOKS, Catalog, Owned, Unknown
from .functions import load_functions
from .host import BUILTIN, Host, PluginRecord, discover, host_of

__all__ = [
    "BUILTIN",
    "HOOKS",
    "Catalog",
    "Host",
    "Owned",
    "PluginRecord",
    "Unknown",
    "discover",
    "host_of",
    "load_functions",
]
