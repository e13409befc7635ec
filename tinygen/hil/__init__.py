"""Hardware in the loop: what the pytest plugin hands to a team's own tests."""
