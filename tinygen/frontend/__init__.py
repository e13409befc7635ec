"""Model files to graphs, one file per format."""
