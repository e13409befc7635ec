"""Boards that several people share: reserved at a labgrid coordinator, flashed and used remotely.

labgrid brings its own fork of pyserial, so it is never imported here: it runs in an interpreter of
its own (installed.py, agent.py), and what comes back is JSON.
"""
