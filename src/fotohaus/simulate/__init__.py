"""Hand-held raw bursts whose truth is known: the project's own camera, for tests, benchmarks and the sample.

A photograph is the world. Every frame sees it through its own pose, averages it down to the sensor, and gets the
sensor's colour, lens shading, noise and quantisation. `python -m fotohaus.simulate PHOTO FOLDER` writes DNG files.
"""

from fotohaus.simulate.burst import Burst, simulate_burst
from fotohaus.simulate.motion import Motion, Mover
from fotohaus.simulate.sensor import Sensor, phone_noise

__all__ = ["Burst", "Motion", "Mover", "Sensor", "phone_noise", "simulate_burst"]
