"""The camera catalogue: what phones' cameras are, where each fact comes from, and where they are sold.

`match` and `complete` know a file's camera by its metadata, from a small index; `catalogue.load` and `catalogue.find`
read everything that is known of one.
"""

from fotohaus.cameras.matching import Match, complete, lacks, match

__all__ = ["Match", "complete", "lacks", "match"]
