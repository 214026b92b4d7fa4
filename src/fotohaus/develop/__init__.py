"""Room develop: RawImage to Scene, linear light."""
