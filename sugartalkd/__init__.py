"""Denon/Marantz receivers and HEOS players on MQTT."""

__version__ = "0.1.0"
