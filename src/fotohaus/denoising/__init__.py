"""Denoising of samples, for single frames and merged ones: `denoiser` decides, `shrink` does it."""
