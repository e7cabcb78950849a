"""Comparing systems: the same images with the same damage for all of them, and one report of what came out."""
