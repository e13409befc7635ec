"""MLPerf Tiny: firmware that its runner drives, and what the runner has to be told."""
