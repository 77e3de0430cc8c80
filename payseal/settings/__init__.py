"""Settings: what an operator can choose."""

from payseal.settings.settings import (
    PREFIX,
    Settings,
    WrongSetting,
    file_of,
    name_of,
    read,
    without_password,
)

__all__ = [
    "PREFIX",
    "Settings",
    "WrongSetting",
    "file_of",
    "name_of",
    "read",
    "without_password",
]
