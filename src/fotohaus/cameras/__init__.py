"""The camera catalogue: what phones' cameras are, where each fact comes from, and where they are sold.

`match`, `called`, `complete` and `known_noise` know a file's camera by its metadata, from a small index;
`catalogue.load` and `catalogue.find` read everything that is known of one.
"""

from fotohaus.cameras.matching import Match, called, complete, known_noise, lacks, match

__all__ = ["Match", "called", "complete", "known_noise", "lacks", "match"]
