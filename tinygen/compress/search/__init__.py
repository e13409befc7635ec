"""Searching for the best ways to compress a model, or for networks that fit a board.

space      what may be chosen, from a TOML file
candidate  what was chosen, as a network of the zoo and a recipe
budget     what a candidate may take on the board
figures    what one takes, and how good it is
trial      one candidate: estimated, trained and compiled by its recipe, measured
study      the trials of all workers, in a database; draws that can be repeated
claims     who works on a trial, and whether they still live
worker     the loop: draw, judge, run, until there are enough
report     the trials and their Pareto front: table, JSON; plot: the same as a picture
searching  all of it, in a folder from which a killed search goes on
"""
