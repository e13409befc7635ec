"""The commands, one file each, found by their folder.

A module defines ``COMMAND`` and imports nothing but click at its top: ``tinygen --help`` reads all
of them. A module whose name begins with an underscore is shared code.
"""
