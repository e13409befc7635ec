"""The result of a compilation, a build or a test, and the views of it."""
