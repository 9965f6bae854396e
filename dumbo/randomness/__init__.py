"""Chance: seeds that dumbo makes, several samples of one call, and chance that is hidden."""
