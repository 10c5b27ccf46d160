"""The composition root: builds the parts from the settings, runs the loop, ends it in order."""
