"""What instructions cost on each kind of pipeline; docs/cycle-model.md has the sources."""
