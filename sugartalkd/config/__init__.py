"""The configuration: config.yaml, settings.yaml and the environment into one frozen value, or every fault."""

from sugartalkd.config.loading import (
    CHANGEABLE,
    MASK,
    SETTINGS,
    Loaded,
    changed,
    find,
    load,
    masked,
    save_settings,
    state_folder,
)
from sugartalkd.config.schema import (
    Config,
    HeosConfig,
    HomeAssistantConfig,
    LogConfig,
    MediaConfig,
    MqttConfig,
    PlexConfig,
    ReceiverConfig,
    TlsConfig,
    ZoneConfig,
)
from sugartalkd.errors import ConfigurationFault

__all__ = [
    "CHANGEABLE",
    "MASK",
    "SETTINGS",
    "Config",
    "ConfigurationFault",
    "HeosConfig",
    "HomeAssistantConfig",
    "Loaded",
    "LogConfig",
    "MediaConfig",
    "MqttConfig",
    "PlexConfig",
    "ReceiverConfig",
    "TlsConfig",
    "ZoneConfig",
    "changed",
    "find",
    "load",
    "masked",
    "save_settings",
    "state_folder",
]
