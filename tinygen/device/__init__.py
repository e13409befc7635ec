"""Boards and their emulators: the serial protocol, sessions, flashing, counting."""
