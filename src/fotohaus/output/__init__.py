"""Room output: Picture, Scene and RawImage to files."""
