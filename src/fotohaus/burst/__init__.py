"""Room burst: raw images of one photo to one raw image."""
