"""The SEEM decoder: learned queries read the image and prompt tokens, and answer with masks and labels."""
