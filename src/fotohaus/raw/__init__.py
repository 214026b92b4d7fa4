"""Room raw: files to RawImage, RawImage to DNG."""
