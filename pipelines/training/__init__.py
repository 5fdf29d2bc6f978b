"""Training of the compact model on still images: no video annotation is ever read.

`stills` reads images with instance masks, `synthesis` turns one still into a short clip with exact masks, `prompts`
draws a user's prompt for an object, `losses`, `clip_pass` runs the model over a clip as a video, `loop` trains.
"""
