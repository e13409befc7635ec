"""Every error that tinygen shows to a person, and the exit code each one ends a command with.

    TinygenError
    ├── BudgetError        exit 1   a budget or an accuracy gate failed
    ├── InputError         exit 2   a model, a config, a board, a data file or an option is wrong
    │   ├── ModelError              the model file is damaged or malformed
    │   │   └── UnsupportedError    a valid model asks for something tinygen does not do
    │   ├── ConfigError             tinygen.toml or a command-line option
    │   ├── BoardError              a board file, or an unknown board
    │   └── DataError               a data file, or its shapes
    ├── BuildError         exit 3   compiling, linking or PlatformIO failed
    │   ├── ToolchainError          a compiler, an emulator or a dependency is missing
    │   └── ProofError              generated code differs from the reference
    └── DeviceError        exit 4   the board does not answer, or answers wrongly
        └── NoDeviceError           there is no board to talk to

A message is one sentence that says what is wrong, where, and what to do about it.
"""


class TinygenError(Exception):
    """Base of all errors that end a command with one sentence instead of a traceback."""

    exit_code = 2


class BudgetError(TinygenError):
    """A figure lies outside the budget that was set for it."""

    exit_code = 1


class InputError(TinygenError):
    """Something the person handed over is wrong."""


class ModelError(InputError):
    """A model file cannot be read: truncated, damaged, or not what it claims to be."""


class UnsupportedError(ModelError):
    """A readable model uses an operator, a type or an option that tinygen does not generate."""


class ConfigError(InputError):
    """A setting in tinygen.toml or on the command line is wrong."""


class BoardError(InputError):
    """A board is unknown, or its file is wrong."""


class DataError(InputError):
    """A data file is wrong, or does not fit the model."""


class BuildError(TinygenError):
    """A build step failed."""

    exit_code = 3


class ToolchainError(BuildError):
    """A tool that a build step needs is missing or unusable."""


class ProofError(BuildError):
    """Generated code does not give the bytes of the reference."""


class DeviceError(TinygenError):
    """The device, or the line to it, failed."""

    exit_code = 4


class NoDeviceError(DeviceError):
    """No board is plugged in, or nothing is at the port that was named."""
