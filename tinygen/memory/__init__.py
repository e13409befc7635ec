"""Where every tensor lies in the arena, and the arena in the board's RAM."""
